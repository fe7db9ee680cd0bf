"""`python -m playground_ops.bootstrap` goes from a fresh clone to the address of a running UI."""

from collections.abc import Sequence
from pathlib import Path

import click

from playground_ops.cli.console import NOTHING_TO_DO, end
from playground_ops.cli.main import guarded
from playground_ops.cli.session import Session, common
from playground_ops.cli.stack_commands import bring_up, document_of
from playground_ops.cli.status_command import show_status
from playground_ops.engine.status import read_status

NEXT = """
Next:
  python -m playground_ops status            what runs, at which commit
  python -m playground_ops redeploy a        bring A to its ref (or launch `redeploy` in the UI)
  python -m playground_ops down              end everything; data stays
"""


@click.command()
@common
def bootstrap(config: Path | None, target: str | None, as_json: bool) -> None:
    """Start the whole stack, or complete it; a no-op when it runs already."""
    session = Session(config, target, as_json)
    deployed = bring_up(session, "bootstrap", [])
    found = read_status(session.engine.target, session.configuration)
    if not as_json:
        if deployed.plan.is_empty:
            click.echo(NOTHING_TO_DO)
        show_status(found)
        click.echo(NEXT)
        click.secho(f"The UI is at {found.ui}", bold=True)
    end({**document_of(deployed), "status": found.model_dump(mode="json")}, deployed.failures, as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    guarded(bootstrap, "python -m playground_ops.bootstrap", arguments)


if __name__ == "__main__":
    main()
