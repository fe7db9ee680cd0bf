"""The daemon for schedules, sensors and the run queue: a deployment has exactly one at any time, or none."""

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.render import instance
from playground_ops.render.deployments import own_labels
from playground_ops.render.locations import servers_of, workspace
from playground_ops.render.mounted_versions import with_versions
from playground_ops.render.names import (
    CONTENT,
    DAEMON,
    WORKSPACE,
    WORKSPACE_FILE,
    WORKSPACE_FOLDER,
    Object,
    an_object,
)
from playground_ops.render.pod import Container, Pod, config_map, container, variable
from playground_ops.render.rights import identified
from playground_ops.render.waiting import RESOURCES as WAIT_RESOURCES
from playground_ops.render.waiting import waiting

RESOURCES = Resources(requests={"cpu": "100m", "memory": "384Mi"}, limits={"memory": "1Gi"})
WAIT = """\
import os, socket, sys, time
end = time.monotonic() + 60
for where in os.environ["WANTED"].split():
    host, _, port = where.rpartition(":")
    told = False
    while time.monotonic() < end:
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
            break
        except OSError as error:
            if not told:
                print(f"waiting for {where} until a minute has passed: {error}", flush=True)
            told = True
            time.sleep(0.5)
    else:
        print(f"{where} does not answer: the daemon finds it within a minute after it does", flush=True)
"""
"""The daemon checks its locations when it starts and then once a minute: a run of one that came up in between
would be dropped from the queue. So the first releases of a stack come before it."""
LIVENESS = ["dagster-daemon", "liveness-check"]
"""It costs a second of CPU each time: frequent while the daemon starts, every two minutes afterwards."""


def render(configuration: Configuration) -> list[Object]:
    if not configuration.has_daemon:
        return []
    settings, namespace = configuration.daemon.pod, configuration.kubernetes.namespace
    own = configuration.deployment
    tags = own_labels(DAEMON, "daemon", own)
    name, selector = tags["app"], {"app": tags["app"]}
    listed = config_map(component_of(WORKSPACE, own), WORKSPACE_FOLDER, "workspace")
    volumes = [*instance.volumes(configuration), listed]
    image = instance.image(configuration, settings)
    check = {"exec": {"command": LIVENESS}, "timeoutSeconds": 30}
    found = Container(
        name="daemon",
        image=image,
        resources=RESOURCES,
        command=instance.started_with("dagster-daemon", "run"),
        arguments=["-w", WORKSPACE_FILE],
        variables=instance.variables(configuration),
        volumes=volumes,
        more={
            # A check imports Dagster, as the daemon does just then: none before it can have a heartbeat.
            "startupProbe": {**check, "initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 30},
            "livenessProbe": {**check, "periodSeconds": 120, "failureThreshold": 5},
        },
    )
    template = Pod(
        [container(found, settings)],
        settings,
        tags,
        volumes,
        init=[waiting(configuration, image, settings), _waiting(configuration)],
        annotations={
            CONTENT: instance.content(*instance.config_maps(configuration), workspace(configuration))
        },
    ).render()
    return [
        an_object(
            *("apps/v1", "Deployment", name, namespace, tags),
            spec={
                "replicas": 1,
                "selector": {"matchLabels": selector},
                "strategy": {"type": "Recreate"},
                "template": with_versions(identified(template, name, configuration), configuration),
            },
        )
    ]


def _waiting(configuration: Configuration) -> Object:
    """Return an init container that waits until every location answers, for a minute at most."""
    servers = [server["grpc_server"] for server in servers_of(configuration)]
    found = Container(
        name="wait-for-locations",
        image=instance.image(configuration, configuration.daemon.pod),
        resources=WAIT_RESOURCES,
        command=["python", "-c", WAIT],
        variables=[variable("WANTED", " ".join(f"{one['host']}:{one['port']}" for one in servers))],
    )
    return container(found, PodSettings())
