"""Read-only commands: logs, ui."""

import sys
from pathlib import Path

import click

from playground_ops.cli.console import NOT_DEPLOYED, echo, print_json
from playground_ops.cli.session import Session, common, context_of_the_command
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.model import MAIN
from playground_ops.engine.deployments import must_be_there, not_deployed_yet
from playground_ops.places import load_configuration


@click.command()
@click.argument("component", required=False)
@click.option("-l", "--selector", help="On Kubernetes: pods by their labels, such as app=dagster-grpc-a.")
@click.option("-c", "--container", help="On Kubernetes: this container alone, such as git-sync.")
@click.option("-n", "--lines", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on until interrupted.")
@click.option("-p", "--previous", is_flag=True, help="On Kubernetes: of containers before their restart.")
@common
def logs(
    config: Path | None,
    target: str | None,
    as_json: bool,
    component: str | None,
    selector: str | None,
    container: str | None,
    lines: int,
    follow: bool,
    previous: bool,
) -> None:
    """The log of COMPONENT: webserver, daemon, supervisor, a location, or a release such as a-3.

    On Kubernetes also postgres, and pods by their labels: `logs -f -l app=dagster-grpc-a -c git-sync`.
    """
    if component == "follow" and selector:  # the first version of this stack had it so
        component, follow = None, True
    if follow and as_json:
        raise click.UsageError("--follow goes on for ever and --json is one document: give one of them.")
    if (component is None) == (selector is None):
        raise click.UsageError("Name one component, or pods by -l.")
    configuration = load_configuration(config)
    if (target or configuration.target) == "kubernetes":
        from playground_ops.cli import reaching

        asked = reaching.AskedLogs(component, selector, container, lines, follow, previous)
        found = reaching.logs(configuration, context_of_the_command(), asked, as_json)
    elif component is None or container or previous:
        raise click.UsageError("-l, -c and --previous are for the target `kubernetes`.")
    else:
        session = Session(config, target, as_json)
        found = session.engine.target.stack.logs(component, lines, follow)
    if as_json:
        print_json({"component": component or selector, "lines": list(found)})
        return
    for line in found:
        echo(line)


@click.command()
@click.argument("deployment", default=MAIN)
@click.option("--port", type=click.IntRange(1, 65_535), help="On Kubernetes: the port here, else a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@common
def ui(
    config: Path | None,
    target: str | None,
    as_json: bool,
    deployment: str,
    port: int | None,
    no_browser: bool,
) -> None:
    """Print the address of DEPLOYMENT's UI and open it in a browser, when a terminal is there.

    Without a name it is the main one's. On Kubernetes it forwards a port of this machine to the webserver,
    until Ctrl-C.
    """
    configuration = load_configuration(config)
    must_be_there(configuration, deployment)
    browse = sys.stdout.isatty() and not no_browser
    if (target or configuration.target) == "kubernetes":
        from playground_ops.cli.reaching import forward_ui

        forward_ui(configuration.of(deployment), context_of_the_command(), port or 0, browse, as_json)
        return
    if port:
        raise click.UsageError("--port is for the target `kubernetes`; here it is `webserver: port:`.")
    stack = Session(config, target, as_json).engine.target.stack
    address = stack.ui_address(deployment)
    if address is None:
        there = stack.ui_address() is not None
        raise PlaygroundError(not_deployed_yet(deployment) if there else NOT_DEPLOYED)
    if as_json:
        print_json({"ui": address})
        return
    echo(address)
    if browse:
        click.launch(address)


COMMANDS = {"logs": logs, "ui": ui}
