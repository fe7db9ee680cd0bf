"""Reaches the UI and the logs of a stack on Kubernetes from the machine where the command runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import click

from playground_ops.cli.console import echo, print_json
from playground_ops.cli.progress import display
from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.render.names import WEBSERVER, WEBSERVER_PORT
from playground_ops.render.webserver import prefix
from playground_ops.targets.kubernetes.api.connection import Connection, chosen_context
from playground_ops.targets.kubernetes.api.paths import Selection
from playground_ops.targets.kubernetes.logs.following import follow
from playground_ops.targets.kubernetes.logs.lines import Prefixes
from playground_ops.targets.kubernetes.logs.reading import (
    Wanted,
    last_lines,
    lines_before,
    namespace_of,
    selector_of,
)
from playground_ops.targets.kubernetes.outside.forward import Forward


@dataclass(frozen=True)
class AskedLogs:
    """The options of `logs` as given on the command line."""

    component: str | None
    selector: str | None
    container: str | None
    lines: int
    follow: bool
    previous: bool


def logs(configuration: Configuration, context: str | None, asked: AskedLogs, as_json: bool) -> Iterator[str]:
    """Yield the lines to print. Raises PlaygroundError when there is nothing to read."""
    if asked.follow and asked.previous:
        raise click.UsageError("--previous is over and --follow goes on: give one of them.")
    settings, say = configuration.kubernetes, display(as_json).line
    selector = asked.selector or selector_of(configuration, asked.component or "")
    wanted = Wanted(Selection(namespace_of(configuration, selector), selector), asked.container)
    connection = Connection(chosen_context(context, settings.context))
    if asked.previous:
        found = lines_before(connection, wanted, asked.lines)
    elif asked.follow:
        found = follow(connection, wanted, asked.lines, say)
    else:
        found = last_lines(connection, wanted, asked.lines, say)
    prefixes = Prefixes()
    if asked.follow:
        return map(prefixes.put, found)
    whole = list(found)
    prefixes.seen.update(line.source for line in whole)
    return map(prefixes.put, whole)


def forward_ui(
    configuration: Configuration, context: str | None, port: int, browse: bool, as_json: bool
) -> None:
    """Forward to the webserver of the deployment that `configuration` is of, until Ctrl-C.

    Raises PlaygroundError: no webserver is reached, or the port is taken.
    """
    settings = configuration.kubernetes
    chosen = Selection(settings.namespace, f"app={component_of(WEBSERVER, configuration.deployment)}")
    say = display(as_json).line
    connection = Connection(chosen_context(context, settings.context))
    with Forward(connection, chosen, WEBSERVER_PORT, say, port) as forward:
        address = f"http://{forward.address}{prefix(configuration)}"
        ingress = settings.ingress and settings.ingress.url
        if as_json:
            print_json({"ui": address, "ingress": ingress})
        else:
            echo(address)
            if ingress:
                say(f"It is also at {ingress}, by the Ingress.")
            say("Forwarding until Ctrl-C.")
        if browse:
            click.launch(address)
        forward.wait()
