"""A Job that brings the database's schema to what another version of Dagster expects."""

from __future__ import annotations

import yaml

from playground_ops.config import Configuration
from playground_ops.pods import Resources
from playground_ops.render import instance
from playground_ops.render.names import HOME, Object, an_object, labels
from playground_ops.render.pod import Container, container, pod, variable, writable

COMPONENT, NAME = "migration", "migrate"
START = 'printf %s "$PLAYGROUND_INSTANCE" > "$DAGSTER_HOME/dagster.yaml"; exec "$0" "$@"'
RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "1Gi"})
LONGEST_SECONDS = 1800
KEPT_SECONDS = 3600


def render(configuration: Configuration, name: str) -> Object:
    """`dagster instance migrate` by the image that webserver and daemon are to have; it may be done again."""
    settings = configuration.webserver.pod
    tags = labels(name, COMPONENT)
    volumes = [writable("home", HOME), writable("tmp", "/tmp")]
    dagster_yaml = yaml.safe_dump(instance.served(configuration), sort_keys=False)
    found = Container(
        name=NAME,
        image=instance.image(configuration, settings),
        resources=RESOURCES,
        command=["sh", "-ec", START],
        arguments=["dagster", "instance", "migrate"],
        variables=[*instance.variables(configuration), variable("PLAYGROUND_INSTANCE", dagster_yaml)],
        volumes=volumes,
    )
    wait = instance.waiting(configuration, settings)
    # The database's certificates may be in a volume.
    plain = settings.placement().model_copy(update={"volumes": settings.volumes})
    template = pod([container(found, plain)], plain, tags, volumes, init=[wait])
    template["spec"]["restartPolicy"] = "Never"
    return an_object(
        *("batch/v1", "Job", name, configuration.kubernetes.namespace, tags),
        spec={
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "backoffLimit": 0,
            "template": template,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
        },
    )
