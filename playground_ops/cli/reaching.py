"""The UI and the logs of a stack on Kubernetes, from the machine where the command runs."""

from __future__ import annotations

import click

from playground_ops.cli.console import print_json
from playground_ops.cli.telling import teller
from playground_ops.config import Configuration
from playground_ops.render.names import WEBSERVER, WEBSERVER_PORT
from playground_ops.render.webserver import prefix
from playground_ops.targets.kubernetes.connection import Connection, named
from playground_ops.targets.kubernetes.forward import Forward
from playground_ops.targets.kubernetes.selection import Selection


def forward_ui(
    configuration: Configuration, context: str | None, port: int, browse: bool, as_json: bool
) -> None:
    """Until Ctrl-C. Raises PlaygroundError when the webserver can't be reached, or the port is taken."""
    settings = configuration.kubernetes
    chosen = Selection(settings.namespace, f"app={WEBSERVER}")
    say = teller(as_json).line
    connection = Connection(named(context, settings.context))
    with Forward(connection, chosen, WEBSERVER_PORT, say, port) as forward:
        address = f"http://{forward.address}{prefix(configuration)}"
        ingress = ingress_address(configuration)
        if as_json:
            print_json({"ui": address, "ingress": ingress})
        else:
            click.echo(address)
            if ingress:
                say(f"It is also at {ingress}, by the Ingress.")
            say("Forwarding until Ctrl-C.")
        if browse:
            click.launch(address)
        forward.wait()


def ingress_address(configuration: Configuration) -> str | None:
    wanted = configuration.kubernetes.ingress
    if wanted is None:
        return None
    return f"{'https' if wanted.tls_secret else 'http'}://{wanted.host}{prefix(configuration)}"
