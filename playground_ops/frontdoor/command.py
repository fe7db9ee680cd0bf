"""The command: `dagster-webserver` with all its options, some of its own, and the stack's webserver."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import click
import uvicorn
from dagster import DagsterInstance
from dagster._cli.utils import assert_no_remaining_opts, get_possibly_temporary_instance_for_cli
from dagster._cli.workspace.cli_target import workspace_opts_to_load_target
from dagster._core.instance import InstanceRef
from dagster._core.telemetry import START_DAGSTER_WEBSERVER, log_action, log_workspace_stats
from dagster._core.telemetry_upload import uploading_logging_thread
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._serdes import deserialize_value
from dagster._utils import find_free_port, is_port_in_use
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers
from dagster_shared.cli import WorkspaceOpts
from dagster_shared.ipc import interrupt_on_ipc_shutdown_message
from dagster_webserver.cli import DEFAULT_WEBSERVER_PORT, _lifespan, dagster_webserver
from dagster_webserver.version import __version__

from playground_ops.frontdoor.deployment_bar import DeploymentBar
from playground_ops.frontdoor.hosts import Hosts, is_ip
from playground_ops.frontdoor.middleware import LOGGER
from playground_ops.frontdoor.webserver import StackWebserver

OWN = (
    click.Option(
        ["--allowed-host"], multiple=True, help="A name by which people reach it, beside localhost."
    ),
    click.Option(["--service"], multiple=True, help="NAME.NAMESPACE of a Service of it, for programs."),
    click.Option(
        ["--deployment"], help="The deployment that its pages are of, where it is not the main one."
    ),
    click.Option(["--main-url"], default="", help="The address of the main deployment's UI."),
)


def command() -> click.Command:
    return click.Command(None, params=[*dagster_webserver.params, *OWN], callback=_run, help=__doc__)


def main() -> None:
    """Run the command; it never returns."""
    command().main(prog_name="python -m playground_ops.frontdoor", auto_envvar_prefix="DAGSTER_WEBSERVER")


def _run(**given: Any) -> None:
    """Do what Dagster's command does (`dagster_webserver.cli`), with another class in its place.

    An option that only a later Dagster has is refused and not ignored.
    """
    if given.pop("suppress_warnings"):
        os.environ["PYTHONWARNINGS"] = "ignore"
    configure_loggers(formatter=given.pop("log_format"), log_level=given.pop("dagster_log_level").upper())
    setup_interrupt_handlers()
    allowed, host = [*given.pop("allowed_host")], given.pop("host")
    hosts = Hosts.of(allowed if is_ip(host) else [*allowed, host], given.pop("service"))
    prefix, rate = _checked(given.pop("path_prefix")), given.pop("live_data_poll_rate")
    bar = _bar(given.pop("deployment"), given.pop("main_url"))
    where = (host, given.pop("port"), given.pop("uvicorn_log_level"))
    with ExitStack() as stack:
        if pipe := given.pop("shutdown_pipe"):
            stack.enter_context(interrupt_on_ipc_shutdown_message(pipe))
        instance = stack.enter_context(_instance(given))
        context = stack.enter_context(_context(instance, given))
        log_workspace_stats(instance, context)
        _serve(StackWebserver(context, hosts, prefix, rate, bar), instance, prefix, where)


def _instance(given: dict[str, Any]) -> Any:
    ref = given.pop("instance_ref")
    return get_possibly_temporary_instance_for_cli(
        cli_command="dagster-webserver",
        instance_ref=deserialize_value(ref, InstanceRef) if ref else None,
        logger=logging.getLogger(LOGGER),
    )


def _context(instance: DagsterInstance, given: dict[str, Any]) -> WorkspaceProcessContext:
    names = ("db_statement_timeout", "db_pool_recycle", "db_pool_max_overflow")
    instance.optimize_for_webserver(*(given.pop(name) for name in names))
    read_only, level = given.pop("read_only"), given.pop("code_server_log_level")
    workspace = WorkspaceOpts.extract_from_cli_options(given)
    assert_no_remaining_opts(given)
    return WorkspaceProcessContext(
        instance,
        version=__version__,
        read_only=read_only,
        workspace_load_target=workspace_opts_to_load_target(workspace),
        code_server_log_level=level,
    )


def _bar(deployment: str | None, main_url: str) -> DeploymentBar | None:
    if main_url and urlsplit(main_url).scheme not in ("http", "https"):
        raise click.BadParameter("it begins with http:// or https://", param_hint="--main-url")
    return DeploymentBar(deployment, main_url) if deployment else None


def _checked(prefix: str) -> str:
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise click.BadParameter("it begins with a slash, and ends with none", param_hint="--path-prefix")
    return prefix


def _serve(
    webserver: StackWebserver, instance: DagsterInstance, prefix: str, where: tuple[str, int | None, str]
) -> None:
    host, port, level = where
    logger = logging.getLogger(LOGGER)
    if not port:
        taken = is_port_in_use(host, DEFAULT_WEBSERVER_PORT)
        port = find_free_port() if taken else DEFAULT_WEBSERVER_PORT
        if taken:
            logger.warning(f"Port {DEFAULT_WEBSERVER_PORT} is in use - using port {port} instead")
    logger.info(f"Serving dagster-webserver on http://{host}:{port}{prefix} in process {os.getpid()}")
    log_action(instance, START_DAGSTER_WEBSERVER)
    with uploading_logging_thread():
        uvicorn.run(webserver.create_asgi_app(lifespan=_lifespan), host=host, port=port, log_level=level)
