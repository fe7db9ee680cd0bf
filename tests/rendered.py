"""All kinds of objects that the product makes, for any configuration, and strict schemas for them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from playground_ops.config import Configuration
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.core.model import Location, Release, Revision
from playground_ops.render import jobs, one_shot_pods, release
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.stack import by_hand
from playground_ops.targets.common import refs
from playground_ops.targets.kubernetes.outside.preflight import NEWEST, OLDEST
from playground_ops.targets.kubernetes.releases import archive
from tests.runpods import job_of

ROOT = Path(__file__).parents[1]
SUPPORTED = [f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
ARCHIVE = "dagster-code-0123456789abcdef"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

POD = """
image: registry.internal/team/dagster:1
resources: {requests: {cpu: 1, memory: 2Gi}, limits: {cpu: 2, memory: 4Gi, nvidia.com/gpu: 1}}
environment: {LEVEL: info, GREETING: "Grüße 🎉"}
environment_from_secrets: [more]
environment_from_config_maps: [settings]
volumes:
  - {name: certificates, path: /mnt/certificates, secret: tls}
  - {name: files, path: /mnt/files, config_map: settings}
  - {name: lake, path: /mnt/lake, claim: lake, read_only: true}
  - {name: scratch, path: /mnt/scratch, empty_dir: 1Gi}
node_selector: {disk: fast}
tolerations:
  - {key: dedicated, operator: Equal, value: dagster, effect: NoSchedule}
  - {operator: Exists, effect: NoExecute, seconds: 0}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - {weight: 1, podAffinityTerm: &term {topologyKey: zone, labelSelector: {matchLabels: {a: b}}}}
topology_spread_constraints:
  - {<<: *term, maxSkew: 1, whenUnsatisfiable: ScheduleAnyway}
priority_class: system-cluster-critical
scheduler_name: default-scheduler
labels: {team: data}
annotations: {example.com/note: "a: b"}
image_pull_secrets: [registry]
service_type: NodePort
service_annotations: {example.com/load-balancer: internal}
disruption_budget: true
"""
WHOLE = f"""
target: kubernetes
images:
  dagster: registry.internal/dagster:1
  postgres: registry.internal/postgres:15
  git_sync: registry.internal/git-sync:4
run_launcher: kubernetes
run_retries: {{max_retries: 2, retry_on_asset_or_op_failure: false}}
run_queue:
  max_concurrent_runs: 7
  tag_concurrency_limits:
    - {{key: team, value: data, limit: 1}}
    - {{key: customer, per_unique_value: true, limit: 2}}
webserver:
  host: 127.0.0.1
  port: 3100
  allowed_hosts: [dagster.corp.test]
  read_only: true
  pod: &pod
    {POD.strip().replace(chr(10), chr(10) + "    ")}
daemon: {{dequeue_interval_seconds: 7, pod: *pod}}
health:
  interval_minutes: 7
  kept_days: 9
  tell: [{{variable: HOOK, form: slack}}]
  heal_times: 2
  heal_window_minutes: 90
ops:
  repo: {{url: https://git.internal/ops.git, ref: v1, subdirectory: o, secret: ops-git, allowed_refs: ["v*"]}}
rollout: {{confirm_timeout_seconds: 7, confirm_seconds: 7, transient_timeout_seconds: 7,
  capacity_timeout_seconds: 7}}
run_log_limit: 7Mi
postgres: {{storage: 1Gi, password_secret: mine, backups: {{schedule: "7 3 * * *", kept: 3}}, pod: *pod}}
kubernetes:
  context: production
  namespace: data-team
  storage_class: fast
  artifacts: 2Gi
  artifacts_access: ReadWriteMany
  artifacts_store:
    s3: {{bucket: team, prefix: a/b, region: eu-central-1, endpoint_url: "https://minio.internal:9000"}}
    secret: store
    service_account_annotations: {{eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/x"}}
  network_policies: true
  admission_policy: true
  packages:
    {{index_url: https://pypi.internal/simple, extra_index_urls: [http://more.internal/x], secret: index}}
  ingress:
    {{host: dagster.internal, class_name: nginx, path: /dagster, tls_secret: tls, annotations: {{x/y: z}}}}
  read_only_ingress: 
    {{host: look.internal, class_name: nginx, path: /look, tls_secret: tls, annotations: {{x/y: z}}}}
  ops: *pod
deployments:
  - name: next
    webserver:
      host: 127.0.0.1
      port: 3101
      allowed_hosts: [next.corp.test]
      read_only: true
      path: /next
      pod: *pod
    daemon: {{enabled: on, dequeue_interval_seconds: 3, pod: *pod}}
    run_queue:
      max_concurrent_runs: 2
      tag_concurrency_limits:
        - {{key: team, value: data, limit: 1}}
        - {{key: customer, per_unique_value: true, limit: 2}}
    run_retries: {{max_retries: 1, retry_on_asset_or_op_failure: true}}
    environment: {{STAGE: next}}
  - name: quiet
    webserver:
      ingress:
        {{host: quiet.internal, class_name: nginx, path: /q, tls_secret: tls, annotations: {{x/y: z}}}}
    daemon: off
    postgres:
      password_secret: quiet
      external: {{host: db.internal, port: 6432, database: q, user: ada, parameters: {{sslmode: require}}}}
code_locations:
  - name: orders
    repo:
      url: ssh://git@git.internal/data/orders.git
      ref: main
      subdirectory: projects/orders
      secret: orders-git
      allowed_refs: ["release-*"]
    module: orders.definitions
    attribute: defs
    dependencies: shared
    automation: off
    follow: true
    follow_interval_seconds: 7
    environment: {{REGION: eu}}
    startup_timeout_seconds: 7
    longest_run_seconds: 7
    egress: [{{cidr: 10.0.0.0/8, ports: [5432, 443]}}, {{cidr: "2001:db8::/32"}}]
    smoke_timeout_seconds: 7
    smoke_job: smoke
    smoke_check: orders/total:is_positive
    must_keep: [asset, schedule]
    reads: [image]
    room: 7Gi
    prepare: [dbt deps, [python, make.py]]
    prepare_timeout_seconds: 900
    approval: manual
    approval_timeout_seconds: 7
    pod: *pod
  - name: orders-2
    repo: {{url: https://git.internal/data/orders.git, secret: orders-git}}
    isolation: {{namespace: data-orders, quota: {{requests.cpu: 500m, pods: 9}}, database: true}}
    pod: *pod
  - {{name: image, image: registry.internal/a:1, module: a.definitions, working_directory: /srv/a}}
  - {{name: image-2, image: registry.internal/b:1, python_file: /srv/b/definitions.py, deployment: next}}
  - {{name: again, repo: https://git.internal/data/orders.git, deployment: next, shared_assets: warn}}
  - name: x
    repo: https://git.internal/data/public.git
    isolation: true
    deployment: quiet
    dependencies: project
    dependencies_from: requirements/run.txt
    extras: [warehouse]
    groups: [run]
  - {{name: {"n" * 40}}}
"""
"""Every key, with a database of the stack's own."""
ELSEWHERE = """
postgres:
  password_secret: mine
  external: {host: db.internal, port: 6432, database: x, user: ada, parameters: {sslmode: require}}
kubernetes:
  artifacts_store:
    azure: {storage_account: team, container: dagster, prefix: a, access_key_variable: AZURE_STORAGE_KEY}
    secret: store
    service_account_annotations: {azure.workload.identity/client-id: x}
environment:
  {repo_url_a: https://git.internal/a, repo_ref_a: v1, repo_url_b: https://git.internal/b, repo_ref_b: v2}
"""
"""The keys that can't be used together with some of the former."""
IN_GOOGLE = """
kubernetes: {artifacts_store: {gcs: {bucket: team, prefix: a}, secret: store}}
postgres: {external: {host: db, port: 5432}, password_secret: mine}
code_locations:
  - {name: a, repo: "https://192.0.2.7/x.git", egress: closed}
  - {name: b, repo: "ssh://git@git.tools.svc.cluster.local/x.git", egress: []}
"""


def everything(configuration: Configuration) -> Iterator[dict[str, Any]]:
    """Yield what is applied, and what rollouts, deploys and upgrades make besides."""
    versions = dict.fromkeys(("dagster-postgres", "mine", "more"), "7")
    found = with_fingerprints(in_cluster(configuration, ClusterFacts(secret_versions=versions)))
    for component in by_hand(found).values():
        yield from component
    for location in found.all_locations:
        yield from release.render(released(location, found), found, ARCHIVE)
        yield job_of(released(location, found), found, ARCHIVE)
        if location.repository is not None:
            name = f"dagster-resolve-{location.name}-01234567"
            yield one_shot_pods.resolver_pod([location], refs.names(location.ref), found, name, 45)
    for location in found.locations:
        candidate = released(location, found)
        script = one_shot_pods.Script("print()", ("job", "smoke", candidate.name))
        name = f"dagster-smoke-{location.name}-01234567"
        yield one_shot_pods.smoke_pod(candidate, found, ARCHIVE, name, script)
    for view in found.views:
        name = f"01234567-{view.deployment}"
        yield jobs.backup_pod(view, f"dagster-backup-{name}", "2026-01-01T00-00-00Z.backup", 45)
        yield jobs.migration_job(view, f"dagster-migration-{name}")
    command = jobs.Command(["redeploy", "--ref", "a b", "--progress-only"], "somebody")
    for one in (None, released(found.ops, found) if found.ops.repository else None):
        yield jobs.remote_job(found, "playground-ops-01234567", ARCHIVE, command, one)


def code_archive(namespace: str) -> dict[str, Any]:
    """Return the ConfigMap. Every stack's is alike, so one is enough; packing it takes a second."""
    return archive.archive(ROOT, namespace)


def released(location: Location, configuration: Configuration) -> Release:
    commit = COMMIT if location.repository else f"content-{COMMIT[:20]}"
    revision = Revision(repository=location.repository, commit=commit, ref=location.ref)
    return Release(
        location=location,
        number=9999,
        revision=revision,
        configuration="x",
        created_at="2026-01-01T00:00:00Z",
    )


def pod_specs(objects: Iterator[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `Kind/name` and the pod's spec, for objects that make pods."""
    for one in objects:
        title = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            yield title, one["spec"]
        elif "template" in one.get("spec", {}):
            yield title, one["spec"]["template"]["spec"]


@cache
def _definitions(version: str) -> Registry[Any]:
    """Return all definitions that the schemas of a version refer to."""
    found = Resource.from_contents(schema_contents(f"{_folder(version)}/_definitions.json", version))
    return found @ Registry()  # type: ignore[no-any-return]


@cache
def _validator(version: str, api: str, kind: str) -> Draft202012Validator:
    group, _, of_group = api.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.partition(".")[0], of_group) if part)
    schema = schema_contents(f"{_folder(version)}/{name}.json", version)
    return Draft202012Validator(schema, registry=_definitions(version))


def _folder(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"


def fits(found: dict[str, Any], version: str) -> bool:
    """Return whether it has no fault; the check ends at the first one."""
    return bool(_validator(version, found["apiVersion"], found["kind"]).is_valid(found))


def faults(found: dict[str, Any], version: str) -> list[str]:
    """Return each fault with its path, by the API server's own OpenAPI document, without unknown fields."""
    validator = _validator(version, found["apiVersion"], found["kind"])
    where = f"{found['kind']}/{found['metadata']['name']}"
    return [f"{where} {fault.json_path}: {fault.message}" for fault in validator.iter_errors(found)]
