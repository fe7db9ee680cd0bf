"""What of a configuration is run in which namespace: `ops` may use nothing else there."""

from __future__ import annotations

from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.config.store import ACCOUNT
from playground_ops.model import Location
from playground_ops.pods import PodSettings
from playground_ops.render.database import OWN_SECRET
from playground_ops.render.names import location_service


@dataclass(frozen=True)
class Scope:
    """A namespace, and what of the configuration is run there."""

    namespace: str
    accounts: tuple[str, ...]
    pods: dict[str, PodSettings]
    locations: tuple[Location, ...]
    images: tuple[str, ...]
    secrets: tuple[str, ...] = ()


def scopes(configuration: Configuration) -> list[Scope]:
    return [_home(configuration), *(_of(configuration, one) for one in configuration.isolated)]


def _home(configuration: Configuration) -> Scope:
    """Also of a database that is elsewhere: its backups are made here."""
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
    )


def _of(configuration: Configuration, location: Location) -> Scope:
    """Nothing but the location: images and Secrets of others are not for its namespace."""
    own = location.isolation is not None and location.isolation.database
    return Scope(
        configuration.namespace_of(location.name),
        ("default", "", location_service(location.name)),
        {location.name: location.pod},
        (location,),
        (location.pod.image or configuration.images.dagster, configuration.images.git_sync),
        (OWN_SECRET,) if own else (),
    )
