"""Commands about locations: redeploy, rollback, promote, approve, reject."""

from collections.abc import Sequence
from pathlib import Path

import click

from playground_ops.cli.console import echo, end, print_json, sentence_of
from playground_ops.cli.session import Session, Telling, common
from playground_ops.context import whoever_is_at_the_keyboard
from playground_ops.core.model import Action, RolloutRecord, Verdict
from playground_ops.engine import apply, redeploy, rollback
from playground_ops.engine.apply import location_named
from playground_ops.engine.approval import decide
from playground_ops.engine.context import Asker, Request

_no_watch = click.option(
    "--no-watch", is_flag=True, help="End once it serves: whatever watches the new release goes on by itself."
)


@click.command("redeploy")
@click.argument("locations", nargs=-1)
@click.option("--ref", help="Branch, tag or full commit.  [default: the configured one]")
@click.option("--force", is_flag=True, help="Also what serves already or was rejected.")
@_no_watch
@common
def redeploy_command(
    config: Path | None,
    target: str | None,
    as_json: bool,
    locations: tuple[str, ...],
    ref: str | None,
    force: bool,
    no_watch: bool,
) -> None:
    """Bring LOCATIONS to their ref; without any, those whose ref has moved."""
    session = _session(config, target, as_json, no_watch)
    session.leave_to_the_inside("redeploy", *locations, *_given(ref=ref, force=force))
    asker = Asker(whoever_is_at_the_keyboard())
    wish = redeploy.Wish(locations=locations, asker=asker, ref=ref, force=force)
    requests = session.run(lambda: redeploy.requests(session.engine, session.configuration, wish))
    records, failures = session.run(lambda: apply.roll_out_all(session.engine, requests, session.progress_of))
    _report(session, records, failures, as_json)


@click.command("rollback")
@click.argument("location")
@click.option("--to", type=int, help="Release number.  [default: the one before]")
@_no_watch
@common
def rollback_command(
    config: Path | None, target: str | None, as_json: bool, location: str, to: int | None, no_watch: bool
) -> None:
    """Serve an earlier release of LOCATION again."""
    session = _session(config, target, as_json, no_watch)
    session.leave_to_the_inside("rollback", location, *_given(to=to))
    request = _request(session, location, "rollback")
    record = session.run(lambda: rollback.roll_back(session.engine_of(location), request, to))
    _report(session, [record], [], as_json)


@click.command("promote")
@click.argument("source")
@click.argument("destination")
@_no_watch
@common
def promote_command(
    config: Path | None, target: str | None, as_json: bool, source: str, destination: str, no_watch: bool
) -> None:
    """Bring the commit that SOURCE serves to DESTINATION."""
    session = _session(config, target, as_json, no_watch)
    session.leave_to_the_inside("promote", source, destination)
    request = _request(session, destination, "promote")
    record = session.run(lambda: rollback.promote(session.engine_of(destination), request, source))
    _report(session, [record], [], as_json)


def _given(**options: object) -> list[str]:
    """Return the options as they are written on a command line."""
    found: list[str] = []
    for name, value in options.items():
        if value is True:
            found.append(f"--{name}")
        elif value not in (None, False):
            found += [f"--{name}", str(value)]
    return found


def _request(session: Session, name: str, action: Action) -> Request:
    location = apply.location_named(session.configuration, name)
    return Asker(whoever_is_at_the_keyboard(), action).request(location)


def _session(config: Path | None, target: str | None, as_json: bool, no_watch: bool) -> Session:
    if no_watch and as_json:
        raise click.UsageError("--no-watch leaves before the document of --json is whole: give one of them.")
    return Session(config, target, as_json, Telling(watches=not no_watch))


def _report(
    session: Session,
    records: list[RolloutRecord],
    failures: Sequence[tuple[str, BaseException]],
    as_json: bool,
) -> None:
    if not as_json:
        for record in records:
            if record.location not in session.watched.serving:  # else it is told already
                echo(sentence_of(record))
        if not records and not failures:
            echo("Nothing to do: no ref has moved.")
    end({"rollouts": [found.model_dump(mode="json") for found in records]}, failures, as_json)


ASKED = "`status` tells what a candidate that waits changes; `history`, with its number as --diff, tells all."


def _verdict(name: str, approved: bool, summary: str) -> click.Command:
    @click.command(name, help=f"{summary}\n\n{ASKED}")
    @click.argument("location")
    @click.option("--reason", default="", help="What the record says of it.")
    @common
    def command(config: Path | None, target: str | None, as_json: bool, location: str, reason: str) -> None:
        said = Verdict(approved=approved, by=whoever_is_at_the_keyboard(), reason=reason)
        session = Session(config, target, as_json)
        decided = decide(session.engine.target, location_named(session.configuration, location).name, said)
        release, changes = decided.release, decided.changes
        if as_json:
            told = changes.model_dump(mode="json") if changes else None
            commit = release.revision.commit
            print_json({"release": release.name, "commit": commit, "approved": approved, "changes": told})
            return
        echo(f"{release.name} at {release.revision.short}: {'approved' if approved else 'rejected'}.")
        if changes:
            echo(f"{changes.sentence()}.")

    return command


COMMANDS = {
    "redeploy": redeploy_command,
    "rollback": rollback_command,
    "promote": promote_command,
    "approve": _verdict("approve", True, "Let the candidate of LOCATION that waits for approval go on."),
    "reject": _verdict("reject", False, "End the rollout of LOCATION that waits for approval."),
}
