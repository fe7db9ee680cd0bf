"""The UI."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.pods import Resources
from playground_ops.render import instance
from playground_ops.render.locations import workspace
from playground_ops.render.names import (
    CONTENT,
    WEBSERVER,
    WEBSERVER_PORT,
    WORKSPACE,
    WORKSPACE_FILE,
    WORKSPACE_FOLDER,
    Object,
    a_service,
    an_object,
    labels,
    present,
)
from playground_ops.render.pod import Container, config_map, container, pod
from playground_ops.render.versions import with_versions

RESOURCES = Resources(requests={"cpu": "100m", "memory": "384Mi"}, limits={"memory": "1Gi"})


def prefix(configuration: Configuration) -> str:
    """Of all paths of the UI; empty at the root."""
    ingress = configuration.kubernetes.ingress
    return ingress.path.rstrip("/") if ingress else ""


def render(configuration: Configuration) -> list[Object]:
    settings, namespace = configuration.webserver.pod, configuration.kubernetes.namespace
    tags, selector = labels(WEBSERVER, "webserver"), {"app": WEBSERVER}
    volumes = [*instance.volumes(), config_map(WORKSPACE, WORKSPACE_FOLDER, "workspace")]
    found = Container(
        name="webserver",
        image=instance.image(configuration, settings),
        resources=RESOURCES,
        command=instance.started_with("dagster-webserver"),
        arguments=_arguments(configuration),
        variables=instance.variables(configuration),
        volumes=volumes,
        more=_more(configuration),
    )
    template = pod(
        [container(found, settings)],
        settings,
        tags,
        volumes,
        init=[instance.waiting(configuration, settings)],
        annotations={CONTENT: instance.content(*instance.render(configuration), workspace(configuration))},
    )
    ports = [{"name": "http", "port": WEBSERVER_PORT, "protocol": "TCP", "targetPort": "http"}]
    return [
        a_service(
            *(WEBSERVER, namespace, tags, settings.service_annotations),
            {"ports": ports, "selector": selector, "type": settings.service_type},
        ),
        an_object(
            *("apps/v1", "Deployment", WEBSERVER, namespace, tags),
            spec={
                "replicas": 1,
                "selector": {"matchLabels": selector},
                # The next one answers before this one is told to end.
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}, "type": "RollingUpdate"},
                "template": with_versions(template, configuration),
            },
        ),
        *_ingress(configuration, tags),
    ]


def _arguments(configuration: Configuration) -> list[str]:
    found = ["-h", "0.0.0.0", "-p", str(WEBSERVER_PORT), "-w", WORKSPACE_FILE]
    below = prefix(configuration)
    return [*found, "--path-prefix", below] if below else found


def _more(configuration: Configuration) -> Object:
    """`/server_info` does not touch the database: an outage of that restarts no webserver."""
    asked = {"httpGet": {"path": f"{prefix(configuration)}/server_info", "port": "http"}}
    return {
        "ports": [{"containerPort": WEBSERVER_PORT, "name": "http", "protocol": "TCP"}],
        "startupProbe": {**asked, "periodSeconds": 2, "failureThreshold": 90, "timeoutSeconds": 5},
        "readinessProbe": {**asked, "periodSeconds": 10, "timeoutSeconds": 5},
        "livenessProbe": {**asked, "periodSeconds": 20, "failureThreshold": 6, "timeoutSeconds": 10},
    }


def _ingress(configuration: Configuration, tags: dict[str, str]) -> list[Object]:
    wanted = configuration.kubernetes.ingress
    if wanted is None:
        return []
    backend = {"service": {"name": WEBSERVER, "port": {"name": "http"}}}
    path = {"backend": backend, "path": wanted.path, "pathType": "Prefix"}
    tls = [{"hosts": [wanted.host], "secretName": wanted.tls_secret}] if wanted.tls_secret else []
    found = an_object(
        *("networking.k8s.io/v1", "Ingress", WEBSERVER, configuration.kubernetes.namespace, tags),
        spec={
            "rules": [{"host": wanted.host, "http": {"paths": [path]}}],
            **present(ingressClassName=wanted.class_name, tls=tls),
        },
    )
    found["metadata"] |= present(annotations=dict(wanted.annotations))
    return [found]
