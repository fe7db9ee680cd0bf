"""Which GraphQL operations are taken, by which way. Pure.

A form, a link or an image of another site can send GET, and POST with a type that needs nobody's leave. None
can send `application/json`: the browser asks the server for leave first, and the front door gives none.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphql import GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse

from playground_ops.core.errors import Finding, certain
from playground_ops.frontdoor.refusals import OBJECT, Refusal


def over_http(method: str, accepted: str, content_types: Sequence[str]) -> Refusal | None:
    """Return why a request to `/graphql` is refused, whatever its operation is.

    By GET there is only the page GraphiQL. The UI sends no operation by it, and where none is taken nobody
    has to tell what would run.
    """
    if method == "GET":
        return None if "text/html" in accepted else Refusal(405, _by_get())
    if method != "POST":
        return None  # Dagster's own answer
    # `text/plain; application/json` needs nobody's leave.
    kinds = [one.partition(";")[0].strip().lower() for one in content_types]
    return None if kinds == ["application/json"] else Refusal(415, _no_json())


def over_websocket(query: object) -> Finding | None:
    """Return why a message's document is refused: a websocket is for subscriptions."""
    if not isinstance(query, str):
        return _no_subscription("no text")
    try:
        definitions = parse(query).definitions
    except GraphQLSyntaxError:
        return None  # Dagster says where
    found = [one.operation for one in definitions if isinstance(one, OperationDefinitionNode)]
    other = next((one for one in found if one is not OperationType.SUBSCRIPTION), None)
    return _no_subscription(f"a {other.value}") if other else None


def _by_get() -> Finding:
    return certain(
        object=OBJECT,
        observed="An operation of GraphQL was sent by GET.",
        cause="Any page can have a browser send GET, so it could launch and change things.",
        fix="Send it by POST, as JSON (`Content-Type: application/json`).",
    )


def _no_json() -> Finding:
    return certain(
        object=OBJECT,
        observed="An operation of GraphQL was sent by POST, and not as JSON.",
        cause="Any page can have a browser send a form, so it could launch and change things.",
        fix='Send `{"query": ..., "variables": ...}` with `Content-Type: application/json`.',
    )


def _no_subscription(seen: str) -> Finding:
    return certain(
        object=OBJECT,
        observed=f"A websocket was sent {seen}.",
        cause="Websockets are for subscriptions alone.",
        fix="Send it by POST to the same address, as JSON.",
    )
