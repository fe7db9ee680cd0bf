"""The namespaces of a stack: its own, and those of its isolated locations, also of former ones."""

from __future__ import annotations

from playground_ops.config import Configuration
from playground_ops.render.foundation import namespaces as rendered
from playground_ops.render.names import MANAGER, OF_NAMESPACE, PREFIX
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.api.refusals import Refusal

MADE = f"{PREFIX}made-by"
"""Annotation of an isolated location's namespace that was not there before."""
FORBIDDEN = 403


def namespaces(connection: Connection, configuration: Configuration) -> tuple[str, ...]:
    """The stack's own first. From inside those of the configuration: others are not for `ops` to know."""
    known = configuration.namespaces
    if connection.context is None:
        return known
    query = {"labelSelector": f"{OF_NAMESPACE}={configuration.kubernetes.namespace}"}
    try:
        found = connection.request("GET", collection("v1", "Namespace", ""), query=query)["items"]
    except Refusal as refusal:
        if refusal.code != FORBIDDEN:
            raise
        return known  # who may not list namespaces has those that are configured
    return tuple(dict.fromkeys((*known, *(one["metadata"]["name"] for one in found))))


def make(connection: Connection, configuration: Configuration) -> None:
    """Those of isolated locations that are not there, with a note of that: what is there stays somebody's."""
    for wanted in rendered(configuration)[1:]:
        if connection.get(path(wanted)) is None:
            noted = {**wanted["metadata"], "annotations": {MADE: MANAGER}}
            connection.request("POST", collection("v1", "Namespace", ""), {**wanted, "metadata": noted})
