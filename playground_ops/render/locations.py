"""The address of each location, and the workspace that lists them. Releases are the rollout's."""

from __future__ import annotations

import yaml

from playground_ops.config import Configuration
from playground_ops.model import Location
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


def workspace(configuration: Configuration) -> Object:
    servers = [
        {
            "grpc_server": {
                "host": location_service(location.name),
                "port": GRPC_PORT,
                "location_name": location.name,
            }
        }
        for location in configuration.all_locations
    ]
    return an_object(
        *("v1", "ConfigMap", WORKSPACE, configuration.kubernetes.namespace, labels(WORKSPACE, "workspace")),
        data={"workspace.yaml": yaml.safe_dump({"load_from": servers}, sort_keys=False)},
    )


def service(configuration: Configuration, location: Location) -> Object:
    """Without a selector: that is the switch, and belongs to the rollout alone."""
    name, settings = location_service(location.name), configuration.pod_of(location)
    tags = {**labels(name, "location"), f"{PREFIX}location": location.name}
    ports = [{"name": "grpc", "port": GRPC_PORT, "protocol": "TCP", "targetPort": "grpc"}]
    return a_service(
        *(name, configuration.kubernetes.namespace, tags, settings.service_annotations),
        {"ports": ports, "type": "ClusterIP"},
    )
