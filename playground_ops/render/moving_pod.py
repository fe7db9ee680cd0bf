"""The pod that moves values of earlier releases into a folder of each location, in one namespace.

It alone mounts the whole claim. Only who deploys from outside makes it: `ops` may not.
"""

from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.model import Location
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.core.yaml_text import dumped
from playground_ops.render import instance
from playground_ops.render.isolated_python import isolated
from playground_ops.render.names import ARTIFACTS_FOLDER, HOME, SOURCE_FOLDER, Object, an_object, labels
from playground_ops.render.namespaces import Place, as_account
from playground_ops.render.pod import Container, Pod, config_map, container, kept, variable, writable

COMPONENT = "moving"
MODULE = "playground_ops.targets.kubernetes.inside.moving"
RESOURCES = Resources(requests={"cpu": "50m", "memory": "256Mi"}, limits={"memory": "1Gi"})
SCRIPT = f"""\
printf %s "$PLAYGROUND_INSTANCE" > "$DAGSTER_HOME/dagster.yaml"
{isolated(MODULE)}"""


@dataclass(frozen=True)
class Moving:
    name: str
    archive: str
    """The ConfigMap with this project's code."""
    only: Location | None
    """The isolated location whose namespace it is."""
    finish: bool
    """Whether the old names are removed."""


def render(configuration: Configuration, where: Place, moving: Moving) -> Object:
    """Return the pod."""
    only, name = moving.only, moving.name
    settings = configuration.pod_of(only or configuration.ops)
    view = configuration.of(only.deployment) if only else configuration
    volumes = [
        config_map(moving.archive, SOURCE_FOLDER, "source"),
        kept("", ARTIFACTS_FOLDER),
        writable("home", HOME),
        writable("tmp", "/tmp"),
    ]
    found = Container(
        name=COMPONENT,
        image=configuration.images.dagster,
        resources=RESOURCES,
        command=["sh", "-ec", SCRIPT, "/tmp/moving"],
        arguments=[*(["--finish"] if moving.finish else []), *([only.name] if only else [])],
        variables=[
            *instance.variables(view, only.name if only else None),
            variable("PLAYGROUND_INSTANCE", dumped(instance.served(view))),
        ],
        volumes=volumes,
    )
    tags = {**labels(name, COMPONENT), **where.tags}
    # The database's certificates may be in a volume.
    placed = settings.placement().model_copy(update={"volumes": settings.volumes})
    mounted = PodSettings(volumes=settings.volumes)
    template = Pod([container(found, mounted)], placed, tags, volumes, grace_seconds=1).render()
    made = an_object("v1", "Pod", name, where.namespace, tags)
    return {**made, "spec": {**template["spec"], **as_account(where), "restartPolicy": "Never"}}
