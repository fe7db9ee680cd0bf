"""Schedules, sensors, the run queue: exactly one daemon at any time."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.pods import Resources
from playground_ops.render import instance
from playground_ops.render.locations import workspace
from playground_ops.render.names import (
    CONTENT,
    DAEMON,
    WORKSPACE,
    WORKSPACE_FILE,
    WORKSPACE_FOLDER,
    Object,
    an_object,
    labels,
)
from playground_ops.render.pod import Container, config_map, container, pod
from playground_ops.render.versions import with_versions

RESOURCES = Resources(requests={"cpu": "100m", "memory": "384Mi"}, limits={"memory": "1Gi"})
LIVENESS = ["dagster-daemon", "liveness-check"]
"""A second of CPU each: asked often while it starts, and once in two minutes afterwards."""


def render(configuration: Configuration) -> list[Object]:
    settings, namespace = configuration.daemon.pod, configuration.kubernetes.namespace
    tags, selector = labels(DAEMON, "daemon"), {"app": DAEMON}
    volumes = [*instance.volumes(), config_map(WORKSPACE, WORKSPACE_FOLDER, "workspace")]
    check = {"exec": {"command": LIVENESS}, "timeoutSeconds": 30}
    found = Container(
        name="daemon",
        image=instance.image(configuration, settings),
        resources=RESOURCES,
        command=instance.started_with("dagster-daemon", "run"),
        arguments=["-w", WORKSPACE_FILE],
        variables=instance.variables(configuration),
        volumes=volumes,
        more={
            "startupProbe": {**check, "periodSeconds": 10, "failureThreshold": 30},
            "livenessProbe": {**check, "periodSeconds": 120, "failureThreshold": 5},
        },
    )
    template = pod(
        [container(found, settings)],
        settings,
        tags,
        volumes,
        init=[instance.waiting(configuration, settings)],
        annotations={CONTENT: instance.content(*instance.render(configuration), workspace(configuration))},
    )
    return [
        an_object(
            *("apps/v1", "Deployment", DAEMON, namespace, tags),
            spec={
                "replicas": 1,
                "selector": {"matchLabels": selector},
                "strategy": {"type": "Recreate"},
                "template": with_versions(template, configuration),
            },
        )
    ]
