"""The command `health`: what is not well, as one document, and that document as a person reads it."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from playground_ops.checks.folding import Folded
from playground_ops.checks.topic import Told, is_urgent, merge
from playground_ops.cli.console import EXIT_FAILED, echo, fail, print_json, say, short_table
from playground_ops.cli.fitting import Column
from playground_ops.cli.repeating import repeating
from playground_ops.cli.session import Session, common
from playground_ops.core.errors import Finding
from playground_ops.engine.health.examine import examine, sources

COLUMNS = (Column("component"), Column("check", 12), Column("seen", 24))


@click.command()
@common
def health(config: Path | None, target: str | None, as_json: bool) -> None:
    """Look at every component; exit 1 when something does not work."""
    session = Session(config, target, as_json)
    if as_json:
        session.leave_to_the_inside("health")
    if session.is_outside:
        _show_answer(session)
        return
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(sources, session.engine.target, session.configuration)
        looked = examine(session.engine.target, session.configuration)
        of_sources, ahead = asked.result()
    merge(looked.report, of_sources)
    found = looked.folded
    document = {
        "findings": [_row(found, one) for one in found.worst],
        "ahead": ahead,
        "meanwhile": found.meanwhile(),
    }
    if as_json:
        print_json(document)
    else:
        show(document)
    if any(is_urgent(topic, finding) for _, topic, finding in found.worst):
        raise click.exceptions.Exit(EXIT_FAILED)


def _row(found: Folded, told: Told) -> dict[str, Any]:
    name, topic, finding = told
    also = [
        {"component": other, "check": its_topic.value, "observed": its.observed}
        for other, its_topic, its in found.also(told)
    ]
    seen = finding.model_dump(mode="json", include=set(Finding.model_fields))
    urgent = is_urgent(topic, finding)
    return {"component": name, "check": topic.value, "urgent": urgent, **seen, "also": also}


def _show_answer(session: Session) -> None:
    """Show what the command inside the cluster answers: only here is known how wide the terminal is."""
    code, told = session.run(lambda: session.answer("health", "--json"))
    try:
        document = json.loads(told)
        show(document)
    except (ValueError, KeyError, TypeError):  # no document: it is told as it stands
        echo(repeating()(told))
    raise click.exceptions.Exit(code)


def show(document: Mapping[str, Any]) -> None:
    """Print it for a person: sentences, a line for each finding, and then all of each.

    Raises ValueError, KeyError or TypeError for a document that is not of this command.
    """
    found = [Finding.model_validate_json(json.dumps(_only_finding(one))) for one in document["findings"]]
    for sentence in [*document.get("ahead", []), *filter(None, [document.get("meanwhile")])]:
        say(sentence)
    again = repeating()
    rows = []
    for finding, one in zip(found, document["findings"], strict=True):
        if "component" in one:  # else the look itself failed
            rows.append((one["component"], one["check"], again(f"{finding.object}: {finding.observed}")))
        if also := dict.fromkeys(f"{it['component']} {it['check']}" for it in one.get("also", ())):
            rows.append(("", "", f"because of it also: {', '.join(also)}"))
    if rows and not short_table(COLUMNS, rows):
        say("Each is told in full below; `health --json` has all of it.")
    if found:
        fail(found, as_json=False)
    else:
        echo("Everything is well.")


def _only_finding(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name in Finding.model_fields}


COMMANDS = {"health": health}
