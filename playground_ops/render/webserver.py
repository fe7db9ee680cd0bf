"""The webserver of a deployment: Dagster's UI."""

from playground_ops.config import Configuration
from playground_ops.config.instance_sections import IngressSettings
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN
from playground_ops.core.pod_settings import Resources
from playground_ops.render import instance, modules
from playground_ops.render.deployments import OF_EACH, own_labels
from playground_ops.render.locations import workspace
from playground_ops.render.mounted_versions import with_versions
from playground_ops.render.names import (
    CONTENT,
    WEBSERVER_PORT,
    WORKSPACE,
    WORKSPACE_FILE,
    WORKSPACE_FOLDER,
    Object,
    a_service,
    an_object,
    present,
)
from playground_ops.render.pod import Container, Pod, config_map, container
from playground_ops.render.rights import identified
from playground_ops.render.waiting import waiting

RESOURCES = Resources(requests={"cpu": "100m", "memory": "384Mi"}, limits={"memory": "1Gi"})


def prefix(configuration: Configuration) -> str:
    """Return the prefix of all paths of the UI; empty at the root."""
    return _below(configuration.kubernetes.ingress)


def render(configuration: Configuration) -> list[Object]:
    return _one(configuration, "webserver", configuration.kubernetes.ingress)


def read_only(configuration: Configuration) -> list[Object]:
    """Return a second webserver in which nothing can be launched or changed, where it is configured."""
    if not configuration.webserver.read_only:
        return []
    return _one(
        configuration, "webserver-read-only", configuration.kubernetes.read_only_ingress, "--read-only"
    )


def _one(
    configuration: Configuration, component: str, ingress: IngressSettings | None, *more: str
) -> list[Object]:
    settings, namespace = configuration.webserver.pod, configuration.kubernetes.namespace
    own = configuration.deployment
    tags = own_labels(OF_EACH[component], component, own)
    name, selector = tags["app"], {"app": tags["app"]}
    listed = config_map(component_of(WORKSPACE, own), WORKSPACE_FOLDER, "workspace")
    volumes = [*instance.volumes(configuration), listed]
    image = instance.image(configuration, settings)
    found = Container(
        name="webserver",
        image=image,
        resources=RESOURCES,
        command=instance.started_with(
            "python", "-m", modules.FRONT_DOOR, settings=_settings(configuration, component)
        ),
        arguments=[
            *(*_arguments(_below(ingress)), *_known_as(configuration, name, ingress)),
            *(*_whose(configuration), *more),
        ],
        variables=instance.variables(configuration),
        volumes=volumes,
        more=_more(_below(ingress)),
    )
    template = Pod(
        [container(found, settings)],
        settings,
        tags,
        volumes,
        init=[waiting(configuration, image, settings)],
        annotations={
            CONTENT: instance.content(*instance.config_maps(configuration), workspace(configuration))
        },
    ).render()
    if component == "webserver":  # the read-only one ends no run either
        template = identified(template, name, configuration)
    ports = [{"name": "http", "port": WEBSERVER_PORT, "protocol": "TCP", "targetPort": "http"}]
    return [
        a_service(
            *(name, namespace, tags, settings.service_annotations),
            {"ports": ports, "selector": selector, "type": settings.service_type},
        ),
        an_object(
            *("apps/v1", "Deployment", name, namespace, tags),
            spec={
                "replicas": 1,
                "selector": {"matchLabels": selector},
                # The new pod answers before the old one is asked to end.
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}, "type": "RollingUpdate"},
                "template": with_versions(template, configuration),
            },
        ),
        *([_ingress(ingress, name, namespace, tags)] if ingress else []),
    ]


def _settings(configuration: Configuration, component: str) -> str:
    apart = component == "webserver-read-only" and configuration.runs_in_pods
    return instance.LAUNCHES_NOTHING if apart else instance.SETTINGS


def _below(ingress: IngressSettings | None) -> str:
    return ingress.path.rstrip("/") if ingress else ""


def _arguments(below: str) -> list[str]:
    found = ["-h", "0.0.0.0", "-p", str(WEBSERVER_PORT), "-w", WORKSPACE_FILE]
    return [*found, "--path-prefix", below] if below else found


def _whose(configuration: Configuration) -> list[str]:
    """Return by which a deployment's pages say which one they are of, and lead to the main one."""
    if configuration.deployment == MAIN:
        return []
    main = ["--main-url", configuration.main_ui] if configuration.main_ui else []
    return ["--deployment", configuration.deployment, *main]


def _known_as(configuration: Configuration, name: str, ingress: IngressSettings | None) -> list[str]:
    """Return the names that the front door answers to, beside localhost and addresses."""
    public = [*([ingress.host] if ingress else []), *configuration.webserver.allowed_hosts]
    own = [word for host in dict.fromkeys(public) for word in ("--allowed-host", host)]
    return ["--service", f"{name}.{configuration.kubernetes.namespace}", *own]


def _more(below: str) -> Object:
    """Return port and probes; `/server_info` needs no database, whose outage so restarts no webserver."""
    asked = {"httpGet": {"path": f"{below}/server_info", "port": "http"}}
    return {
        "ports": [{"containerPort": WEBSERVER_PORT, "name": "http", "protocol": "TCP"}],
        "startupProbe": {**asked, "periodSeconds": 2, "failureThreshold": 90, "timeoutSeconds": 5},
        "readinessProbe": {**asked, "periodSeconds": 10, "timeoutSeconds": 5},
        "livenessProbe": {**asked, "periodSeconds": 20, "failureThreshold": 6, "timeoutSeconds": 10},
    }


def _ingress(wanted: IngressSettings, name: str, namespace: str, tags: dict[str, str]) -> Object:
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    path = {"backend": backend, "path": wanted.path, "pathType": "Prefix"}
    tls = [{"hosts": [wanted.host], "secretName": wanted.tls_secret}] if wanted.tls_secret else []
    found = an_object(
        *("networking.k8s.io/v1", "Ingress", name, namespace, tags),
        spec={
            "rules": [{"host": wanted.host, "http": {"paths": [path]}}],
            **present(ingressClassName=wanted.class_name, tls=tls),
        },
    )
    found["metadata"] |= present(annotations=dict(wanted.annotations))
    return found
