"""The address of each location, and the workspace that lists them. Rollouts make the releases."""

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import Location
from playground_ops.core.yaml_text import dumped
from playground_ops.render.deployments import own_labels
from playground_ops.render.names import (
    GRPC_PORT,
    PREFIX,
    WORKSPACE,
    Object,
    a_service,
    an_object,
    labels,
    location_service,
)
from playground_ops.render.namespaces import host, place


def servers_of(configuration: Configuration) -> list[Object]:
    """Return the servers of a deployment as a workspace file lists them."""
    return [
        {
            "grpc_server": {
                "host": host(configuration, location_service(location.name), location.name),
                "port": GRPC_PORT,
                "location_name": location.name,
            }
        }
        for location in configuration.all_locations
    ]


def workspace(configuration: Configuration) -> Object:
    """Return the workspace of one deployment."""
    listed = dumped({"load_from": servers_of(configuration)})
    namespace, own = configuration.kubernetes.namespace, configuration.deployment
    tags = own_labels(WORKSPACE, "workspace", own)
    return an_object(
        *("v1", "ConfigMap", component_of(WORKSPACE, own), namespace, tags), data={"workspace.yaml": listed}
    )


def service(configuration: Configuration, location: Location) -> Object:
    """Return a Service without a selector: setting that is the switch, which only a rollout does."""
    name, settings = location_service(location.name), configuration.pod_of(location)
    where = place(configuration, location.name)
    tags = {**labels(name, "location"), f"{PREFIX}location": location.name, **where.tags}
    ports = [{"name": "grpc", "port": GRPC_PORT, "protocol": "TCP", "targetPort": "grpc"}]
    return a_service(
        *(name, where.namespace, tags, settings.service_annotations), {"ports": ports, "type": "ClusterIP"}
    )
