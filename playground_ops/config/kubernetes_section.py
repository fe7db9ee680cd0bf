"""The sections about the cluster, the database and what comes from registries: on Kubernetes alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.instance_sections import ExternalPostgres, IngressSettings
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Section
from playground_ops.config.store import ArtifactsStore
from playground_ops.core.pod_settings import PodSettings


class ImageSettings(Section):
    dagster: rules.Image = "docker.io/dagster/dagster-k8s:1.13.27"
    """Webserver, daemon, `ops` and every location that names no image of its own."""
    postgres: rules.Image = "docker.io/library/postgres:15"
    """The database."""
    git_sync: rules.Image = "registry.k8s.io/git-sync/git-sync:v4.2.4"
    """What fetches code into a pod."""


class BackupSettings(Section):
    schedule: quantities.CronSchedule | None = None
    """Five fields of numbers, such as `0 3 * * *`; days to the 28th. Without it a backup is made when
    somebody launches the job."""
    kept: Annotated[int, Field(ge=1, le=1000)] = 7
    """How many stay on the claim for artifacts."""


class PostgresSettings(Section):
    storage: quantities.Bytes = "10Gi"
    """The size of its claim."""
    password_secret: kubernetes_rules.SecretName | None = None
    """An existing Secret, with the key `password`. Default: made by the bootstrap."""
    external: ExternalPostgres | None = None
    """A database that the stack uses and does not run; its role needs to own it, and no more."""
    backups: BackupSettings = BackupSettings()
    """What the job `backup` does."""
    pod: Pod = PodSettings()
    """The settings of its [pods](#pods)."""


class PackagesSettings(Section):
    """Where the packages of locations come from."""

    index_url: rules.IndexUrl | None = None
    """A package index (PEP 503); no password or token in it. Default: PyPI."""
    extra_index_urls: rules.Listed[rules.IndexUrl] = ()
    """Indexes that are asked before it."""
    secret: kubernetes_rules.SecretName | None = None
    """The credentials for them: [which keys](kubernetes.md#packages)."""


class KubernetesSettings(Section):
    context: kubernetes_rules.Context | None = None
    """The one kubeconfig context that is ever written to; else it has to be named in the command."""
    namespace: kubernetes_rules.Namespace = "dagster"
    """The namespace of all of the stack."""
    storage_class: kubernetes_rules.ObjectName | None = None
    """The class of both claims. Default: the cluster's."""
    artifacts: quantities.Bytes = "10Gi"
    """The claim for asset values and captured logs, which outlive releases."""
    artifacts_access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    """With `ReadWriteOnce` all pods that use it run on one node."""
    artifacts_store: ArtifactsStore | None = None
    """[An object store](kubernetes.md#an-object-store) for captured logs, and for values where the code wants
    it. Default: the claim."""
    network_policies: bool = True
    """Nobody but the stack reaches Postgres and the code servers."""
    admission_policy: bool = True
    """Limits what the jobs of `ops` can make pods of; it takes the right to make cluster-wide objects."""
    packages: PackagesSettings = PackagesSettings()
    """Where the [packages of locations](kubernetes.md#packages) come from."""
    ingress: IngressSettings | None = None
    """A way to the UI from outside; [put a login in front](login.md)."""
    read_only_ingress: IngressSettings | None = None
    """Likewise to the webserver that `webserver.read_only` makes."""
    ops: Pod = PodSettings()
    """The settings of the management location's [pods](#pods)."""
