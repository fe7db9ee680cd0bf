"""`status`, `history` and `health` fit the terminal, and say what shows all of it; a pipe gets all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from playground_ops import context
from playground_ops.cli.fitting import width
from playground_ops.cli.main import cli, guarded
from playground_ops.cli.session import Session
from playground_ops.core.model import RolloutRecord
from tests.fakes import BROKEN, FakeTarget, World
from tests.terminals import terminal

FILE = """
code_locations:
  - {name: orders, repo: {url: https://git.test/pipelines, ref: main}}
  - {name: sales, repo: {url: https://git.test/pipelines, ref: main}}
"""
WIDTHS = (60, 80, 120)
BAD = "bad0" * 10
LONG = "ImportError: 注文 can't be imported 🙂: " + "there is no module of this name in the package, " * 12
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs commands on a terminal, of a stack in which a long one has failed."""
    file = tmp_path / "configvalues.yaml"
    file.write_text(FILE)
    world = World(heads=dict.fromkeys(("ops", "orders", "sales"), "1" * 40), behaviour={BAD: BROKEN})
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(file))
    monkeypatch.setattr(context, "local_target", lambda _: FakeTarget(world))
    monkeypatch.setattr(context, "SystemClock", lambda: world.clock)

    def on_a_terminal(columns: int, *words: str) -> list[str]:
        with terminal(columns, monkeypatch) as sent, pytest.raises(SystemExit):
            guarded(cli, "playground", list(words))
        return [COLOUR.sub("", line) for line in sent.lines]

    on_a_terminal(80, "redeploy", "ops", "orders", "sales")
    world.heads["orders"] = BAD
    on_a_terminal(80, "redeploy", "orders")
    for number, record in world.records["orders"].items():
        if record.finding:
            world.records["orders"][number] = _with_a_long_reason(record)
    return on_a_terminal


def _with_a_long_reason(record: RolloutRecord) -> RolloutRecord:
    assert record.finding is not None
    finding = record.finding.model_copy(update={"observed": LONG, "evidence": f"Traceback\n{'x' * 200}"})
    return record.model_copy(update={"finding": finding})


def squeezed(lines: Sequence[str]) -> str:
    return "".join("".join(lines).split())


def must_fit(lines: Sequence[str], columns: int) -> None:
    """Evidence is as it was captured, and a path is on a line of its own."""
    told = [line for line in lines if not line.startswith("  | ")]
    assert [line for line in told if width(line) > columns] == []


@pytest.mark.parametrize("columns", WIDTHS)
def test_status_fits_and_names_what_shows_all_of_it(run: Run, columns: int) -> None:
    lines = run(columns, "status")
    must_fit(lines, columns)
    (row,) = (line for line in lines if line.startswith("orders "))
    assert row.endswith("...")
    assert "redeploy failed" in row
    said = squeezed(lines)
    assert squeezed(["`python -m playground_ops status --json` has all."]) in said
    assert (
        squeezed(["Why the last rollout of orders failed: `python -m playground_ops history orders`"]) in said
    )
    locations = json.loads("\n".join(run(columns, "status", "--json")))["locations"]
    (orders,) = (one for one in locations if one["name"] == "orders")
    assert LONG.strip() in orders["last_rollout"]["reason"]


@pytest.mark.parametrize("columns", WIDTHS)
def test_history_of_a_location_shows_all_of_why_its_last_one_failed(run: Run, columns: int) -> None:
    lines = run(columns, "history", "orders")
    must_fit(lines, columns)
    assert squeezed([LONG]) in squeezed(lines)
    assert f"  | {'x' * 200}" in lines
    assert squeezed(["`python -m playground_ops history orders --json` has all."]) in squeezed(lines)
    records = json.loads("\n".join(run(columns, "history", "orders", "--json")))
    assert records[-1]["finding"]["observed"] == LONG


@pytest.mark.parametrize("columns", WIDTHS)
def test_history_of_all_fits(run: Run, columns: int) -> None:
    lines = run(columns, "history")
    must_fit(lines, columns)
    assert len([line for line in lines if line.startswith("20")]) == 4, "a line for each"
    assert any(line.endswith("...") for line in lines)
    assert squeezed(["`python -m playground_ops history --json` has all."]) in squeezed(lines)


@pytest.mark.parametrize("columns", WIDTHS)
def test_health_fits_and_tells_each_finding_in_full(run: Run, columns: int) -> None:
    lines = run(columns, "health")
    must_fit(lines, columns)
    (row,) = (line for line in lines if line.startswith("orders ") and "last_rollout" in line)
    assert row.endswith("...")
    assert squeezed([LONG]) in squeezed(lines)
    assert re.search(r"^  seen   \S.*\n {9}\S", "\n".join(lines), re.MULTILINE), "lines hang below the first"
    told = json.loads("\n".join(run(columns, "health", "--json")))["findings"]
    assert any(LONG.strip() in one["observed"] for one in told)


def test_what_the_command_in_the_cluster_answers_is_shown_as_wide_as_the_terminal_here(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, document = run(80, "health"), "\n".join(run(80, "health", "--json"))
    monkeypatch.setattr(Session, "is_outside", True)
    monkeypatch.setattr(Session, "answer", lambda *_: (1, document))
    assert run(80, "health") == here
    failed = {
        "findings": [{"kind": "transient", "object": "pod/x", "observed": "o", "cause": "c", "fix": "f"}]
    }
    monkeypatch.setattr(Session, "answer", lambda *_: (1, json.dumps(failed)))
    assert run(80, "health")[0] == "pod/x"
    monkeypatch.setattr(Session, "answer", lambda *_: (1, "Traceback: run `logs ops`"))
    assert run(80, "health") == ["Traceback: run `python -m playground_ops logs ops`"]


@pytest.mark.parametrize("command", [["status"], ["history"], ["history", "orders"], ["health"]])
def test_a_terminal_of_no_use_ends_none_of_them(run: Run, command: list[str]) -> None:
    for columns in (1, 20, 40):
        assert "Traceback (most" not in "\n".join(run(columns, *command))


def test_a_pipe_gets_all_of_it_and_no_hint(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # a shell may export it, and knows nothing of the pipe
    for command in ("status", "history", "health"):
        with pytest.raises(SystemExit):
            guarded(cli, "playground", [command])
        out, _ = capsys.readouterr()
        assert LONG.strip() in out
        assert "--json" not in out


def test_what_is_short_is_not_said_to_be_cut(run: Run) -> None:
    assert "--json" not in "\n".join(run(120, "history", "sales"))
