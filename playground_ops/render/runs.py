"""Runs in pods of their own: what a release's server tells Dagster about them, and Dagster's launcher.

The server carries the pod of its runs with it (its container context), so a run gets exactly the release that
launched it, whatever serves by the time the run starts. Every release has it, whatever the launcher: so the
launcher can be changed, and a rollback can go to a release from before the change.
"""

import json
from collections.abc import Mapping
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import Release
from playground_ops.render import deployments, modules
from playground_ops.render.names import HOME, INSTANCE, LOCATION, MANAGER, RUN_OF, Object, labels

CONTEXT = "DAGSTER_CONTAINER_CONTEXT"
"""The variable from which `dagster api grpc` reads it (its option --container-context)."""
COMPONENT = "run_worker"
"""The label that dagster-k8s gives its Jobs and their pods."""
RUN_ID, OF_LOCATION = "dagster/run-id", "dagster/code-location"
"""Labels of dagster-k8s. On the Job no tag of a run can change them: such labels are refused below."""
COMMIT = "PLAYGROUND_COMMIT"
POD_LAUNCHER = "PodRunLauncher"
KEPT_SECONDS = 3600
"""Seconds that a Job which has ended stays."""
GRACE_SECONDS = 30
MONITORING = {"enabled": True, "poll_interval_seconds": 30, "free_slots_after_run_end_seconds": 60}
"""In every instance. A run that was killed keeps its slots in pools until somebody frees them; one that was
asked to end may use them for some seconds more. Resuming needs a custom launcher: a process that loads an
instance which resumes must be able to launch, and neither code servers nor runs have the right to."""
MONITORING_OF_PODS = {**MONITORING, "start_timeout_seconds": 600}
"""A pod may wait for a new node and an image."""
_CONTAINER = ("command", "env", "env_from", "image", "image_pull_policy", "resources", "security_context")
_POD = (
    "affinity",
    "automount_service_account_token",
    "enable_service_links",
    "image_pull_secrets",
    "init_containers",
    "node_selector",
    "priority_class_name",
    "scheduler_name",
    "security_context",
    "service_account_name",
    "share_process_namespace",
    "termination_grace_period_seconds",
    "tolerations",
    "topology_spread_constraints",
    "volumes",
)


def app(location: str) -> str:
    """Return the `app` label of its runs' pods; its servers' label has an address and a budget."""
    return f"dagster-run-{location}"


def tags(release: Release) -> dict[str, str]:
    """Return the labels of its runs' pods. They lack the release's own label, so no address leads to them."""
    name = release.location.name
    own = {LOCATION: name, RUN_OF: str(release.number), **deployments.tags(release.location.deployment)}
    return {**labels(app(name), COMPONENT), **own}


def context(template: Object, command: list[str]) -> str:
    """Return the container context. `template`: the pod of the release, with its code and settings; `command`
    goes before Dagster's own arguments."""
    spec: Object = dict(template["spec"])
    (main,) = spec.pop("containers")
    environment = [one for one in main["env"] if one["name"] != "DAGSTER_HOME"]  # the launcher sets it
    wanted = {
        "container_config": {
            **{key: value for key, value in main.items() if key not in ("args", "name", "ports")},
            "command": command,
            "env": environment,
        },
        "pod_spec_config": {**spec, "terminationGracePeriodSeconds": GRACE_SECONDS},
        "pod_template_spec_metadata": template["metadata"],
    }
    return json.dumps({"k8s": {"run_k8s_config": wanted}}, separators=(",", ":"))


def commits(context: Mapping[str, Any]) -> list[str]:
    """Return the commit of the release whose context this is; none for a context made elsewhere."""
    main = context.get("k8s", {}).get("run_k8s_config", {}).get("container_config", {})
    return [one["value"] for one in main.get("env", ()) if one["name"] == COMMIT]


def launcher(configuration: Configuration) -> Object:
    """Return `run_launcher` of dagster.yaml."""
    if configuration.runs_in_pods:
        return pod_launcher(configuration)
    return {"module": modules.SERVER_LAUNCHER, "class": "ServerRunLauncher"}


def pod_launcher(configuration: Configuration) -> Object:
    """Return the one for runs in pods. A run may set what a release sets, and no label of its Job."""
    own = configuration.deployment
    allowed = {
        "container_config": dict.fromkeys((*_CONTAINER, "volume_mounts"), True),
        "pod_spec_config": dict.fromkeys(_POD, True),
        "pod_template_spec_metadata": {"annotations": True, "labels": True},
    }
    job = {
        "job_metadata": {"labels": {"app.kubernetes.io/managed-by": MANAGER, **deployments.tags(own)}},
        "job_spec_config": {"backoff_limit": 0, "ttl_seconds_after_finished": KEPT_SECONDS},
    }
    return {
        "module": modules.POD_LAUNCHER,
        "class": POD_LAUNCHER,
        "config": {
            "dagster_home": HOME,
            "image_pull_policy": "IfNotPresent",
            "instance_config_map": component_of(INSTANCE, own),
            "job_namespace": configuration.kubernetes.namespace,
            "only_allow_user_defined_k8s_config_fields": allowed,
            "run_k8s_config": job,
            "service_account_name": "default",
        },
    }
