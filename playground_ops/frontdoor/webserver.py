"""Dagster's webserver, subclassed where it means to be: middleware, and how operations arrive."""

from __future__ import annotations

from asyncio import Task
from typing import Any

from dagster._core.workspace.context import IWorkspaceProcessContext, WorkspaceRequestContext
from dagster_webserver.webserver import DagsterWebserver
from graphql import GraphQLError, GraphQLFormattedError
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from playground_ops.frontdoor.deployment_bar import DeploymentBar
from playground_ops.frontdoor.hosts import Hosts
from playground_ops.frontdoor.middleware import FrontDoor, answer
from playground_ops.frontdoor.operations import over_http, over_websocket

Process = IWorkspaceProcessContext[WorkspaceRequestContext]


class StackWebserver(DagsterWebserver[Process, WorkspaceRequestContext]):
    def __init__(
        self,
        process_context: Process,
        hosts: Hosts,
        app_path_prefix: str = "",
        live_data_poll_rate: int | None = None,
        bar: DeploymentBar | None = None,
    ) -> None:
        self._hosts = hosts
        self._bar = bar
        super().__init__(process_context, app_path_prefix, live_data_poll_rate)

    def build_middleware(self) -> list[Middleware]:
        return [Middleware(FrontDoor, hosts=self._hosts), *super().build_middleware()]

    def index_html_endpoint(self, request: Request) -> Response:
        page: Response = super().index_html_endpoint(request)
        if self._bar is None:
            return page
        policy = page.headers["Content-Security-Policy"]
        page.body = self._bar.above(bytes(page.body).decode(), policy, _reached_as(request)).encode()
        page.headers["Content-Length"] = str(len(page.body))
        return page

    async def graphql_http_endpoint(self, request: Request) -> Response:
        accepted, types = request.headers.get("accept", ""), request.headers.getlist("content-type")
        found = over_http(request.method, accepted, types)
        return answer(found) if found else await super().graphql_http_endpoint(request)

    async def execute_graphql_subscription(
        self,
        websocket: WebSocket,
        operation_id: str,
        query: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> tuple[Task[Any] | None, GraphQLFormattedError | None]:
        found = over_websocket(query)
        if found is not None:
            return None, GraphQLError(found.sentence()).formatted
        return await super().execute_graphql_subscription(
            websocket, operation_id, query, variables, operation_name
        )


def _reached_as(request: Request) -> str:
    """Return the host that the browser knows; empty behind a proxy or a tunnel, which have other ports."""
    _, own_port = request.scope.get("server") or ("", None)
    return (request.url.hostname or "") if (request.url.port or 80) == own_port else ""
