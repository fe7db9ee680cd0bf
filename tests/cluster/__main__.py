"""The test cluster by hand: `python -m tests.cluster up`, and play with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tests.cluster.cluster import Cluster, NotPossible


@click.group()
def main() -> None:
    """A real one-node Kubernetes on this machine, for tests and for playing with it."""


@main.command()
def build() -> None:
    """Compile and make all that the cluster needs, and start nothing."""
    Cluster.here().prepare()


@main.command()
@click.option("--nodes", type=click.IntRange(1, 2), default=1, help="How many.")
def up(nodes: int) -> None:
    """Build what is missing and start it. Does nothing when it runs."""
    cluster = Cluster.here()
    try:
        cluster.up(click.echo)
    except NotPossible as reason:
        raise click.ClickException(str(reason)) from None
    if nodes == 2:
        cluster.add_second_node(click.echo)
    click.echo(f"export KUBECONFIG={cluster.kubeconfig}")


@main.command()
def down() -> None:
    """End it and leave nothing behind but the cache."""
    Cluster.here().down()


@main.command()
def status() -> None:
    """What runs. Exits with 1 when the cluster is not up."""
    cluster = Cluster.here()
    for machine in cluster.machines.values():
        for name, found in machine.programs().items():
            click.echo(f"{machine.name}  {name:20} {f'pid {found.pid}' if found.alive else 'has ended'}")
    is_up = cluster.is_up()
    click.echo("up" if is_up else "not up")
    sys.exit(0 if is_up else 1)


class Raw(click.Command):
    """Takes its arguments as they are, `--` and options too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.params = {"arguments": args}
        return args


@main.command(cls=Raw)
def kubectl(arguments: list[str]) -> None:
    """kubectl as the cluster's administrator."""
    cluster = Cluster.here()
    program = cluster.binaries["kubectl"]
    os.execv(program, [str(program), f"--kubeconfig={cluster.kubeconfig}", *arguments])


@main.command("import")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False))
def import_(archive: str) -> None:
    """Import an image archive (docker or OCI form) into the nodes that are up."""
    cluster = Cluster.here()
    for name, machine in cluster.machines.items():
        if machine.init is not None:
            click.echo(cluster.node(name).ctr("images", "import", Path(archive).resolve()).stdout.strip())


if __name__ == "__main__":
    main()
