"""The Job that Dagster's launcher makes of a run, by dagster-k8s's own code, without a cluster."""

from __future__ import annotations

import json
from typing import Any

from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config
from kubernetes.client import ApiClient

from playground_ops.config import Configuration
from playground_ops.core.model import Release
from playground_ops.render import release as rendering
from playground_ops.render import runs

RUN = "01234567-0123-0123-0123-0123456789ab"


def job_of(
    release: Release, configuration: Configuration, archive: str, tags: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the Job that `K8sRunLauncher.launch_run` makes; `tags` is a run's tag `dagster-k8s/config`."""
    launcher = runs.pod_launcher(configuration.of(release.location.deployment))["config"]
    base = K8sContainerContext(
        image_pull_policy=launcher["image_pull_policy"],
        service_account_name=launcher["service_account_name"],
        namespace=launcher["job_namespace"],
        run_k8s_config=K8sContainerContext.create_from_config(
            {"k8s": {"run_k8s_config": launcher["run_k8s_config"]}}
        ).run_k8s_config,
    )
    own = K8sContainerContext.create_from_config(
        json.loads(rendering.context_of_runs(release, configuration, archive))
    )
    tagged = get_user_defined_k8s_config({"dagster-k8s/config": json.dumps(tags)} if tags else {})
    own = own.merge(K8sContainerContext(run_k8s_config=tagged)).validate_user_k8s_config_for_run(
        launcher["only_allow_user_defined_k8s_config_fields"], None
    )
    whole = base.merge(own)
    job = construct_dagster_k8s_job(
        job_config=DagsterK8sJobConfig(
            dagster_home=launcher["dagster_home"], instance_config_map=launcher["instance_config_map"]
        ),
        args=["dagster", "api", "execute_run", "{}"],
        job_name=f"dagster-run-{RUN}",
        pod_name=f"dagster-run-{RUN}",
        component=runs.COMPONENT,
        user_defined_k8s_config=whole.run_k8s_config,
        labels={
            "dagster/job": "waiting",
            runs.RUN_ID: RUN,
            runs.OF_LOCATION: release.location.name,
        },
        env_vars=[{"name": "DAGSTER_RUN_JOB_NAME", "value": "waiting"}],
    )
    made: dict[str, Any] = ApiClient().sanitize_for_serialization(job)
    made["metadata"]["namespace"] = whole.namespace
    return made
