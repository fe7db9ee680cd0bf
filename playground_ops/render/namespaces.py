"""The namespaces in which a location's objects lie, and which parts of a configuration run in each."""

from dataclasses import dataclass, field

from playground_ops.config import Configuration
from playground_ops.config.store import ACCOUNT
from playground_ops.core.model import Location
from playground_ops.core.pod_settings import PodSettings
from playground_ops.render import deployments
from playground_ops.render.database import OWN_SECRET
from playground_ops.render.names import OF_NAMESPACE, Object, location_service


@dataclass(frozen=True)
class Place:
    namespace: str
    account: str | None = None
    """The account of its pods; None: the namespace's default one."""
    tags: dict[str, str] = field(default_factory=dict)
    """More labels of all objects: the stack they belong to, outside of its namespace, and the deployment."""


def place(configuration: Configuration, location: str) -> Place:
    own, namespace = configuration.kubernetes.namespace, configuration.namespace_of(location)
    tags = deployments.tags(configuration.deployment_of(location))
    if namespace == own:
        return Place(own, tags=tags)
    return Place(namespace, location_service(location), {OF_NAMESPACE: own, **tags})


def host(configuration: Configuration, service: str, location: str) -> str:
    """Return the host of a location's Service, as the stack's own pods reach it."""
    namespace = configuration.namespace_of(location)
    return service if namespace == configuration.kubernetes.namespace else f"{service}.{namespace}.svc"


def as_account(where: Place) -> Object:
    """Return the account for a pod's specification. Its token is not mounted."""
    return {"serviceAccountName": where.account} if where.account else {}


@dataclass(frozen=True)
class Scope:
    """A namespace, and the parts of the configuration that run there."""

    namespace: str
    accounts: tuple[str, ...]
    pods: dict[str, PodSettings]
    locations: tuple[Location, ...]
    images: tuple[str, ...]
    deployments: tuple[str, ...]
    """The deployments whose databases are used from there."""
    secrets: tuple[str, ...] = ()


def scopes(configuration: Configuration) -> list[Scope]:
    return [_home(configuration), *(_of(configuration, one) for one in configuration.isolated)]


def _home(configuration: Configuration) -> Scope:
    """Return the stack's namespace; with an external database too, as its backups are made there."""
    away = {one.name for one in configuration.isolated}
    pods = {"postgres": configuration.postgres.pod, **configuration.all_pods}
    store = configuration.kubernetes.artifacts_store
    known = store is not None and store.service_account_annotations
    return Scope(
        configuration.kubernetes.namespace,
        ("default", "", *((ACCOUNT,) if known else ())),
        {name: pod for name, pod in pods.items() if name not in away},
        tuple(one for one in configuration.all_locations if one.name not in away),
        (configuration.images.dagster, configuration.images.postgres, configuration.images.git_sync),
        configuration.deployment_names,
    )


def _of(configuration: Configuration, location: Location) -> Scope:
    """Return a location's namespace alone: images and Secrets of others have no place in it."""
    own = location.isolation is not None and location.isolation.database
    return Scope(
        configuration.namespace_of(location.name),
        ("default", "", location_service(location.name)),
        {location.name: location.pod},
        (location,),
        (location.pod.image or configuration.images.dagster, configuration.images.git_sync),
        (location.deployment,),
        (OWN_SECRET,) if own else (),
    )
