"""The format of what is stored: who may work on it, how it is raised, and how one goes back by a version."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.cli.main import cli, guarded
from playground_ops.core import formats
from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.formats import BEFORE_MARKS, OWN, Mark, Step
from playground_ops.targets.local import formats as local
from playground_ops.targets.local.folder import StateFolder
from playground_ops.targets.local.target import LocalTarget
from tests.stacks import ROOT


def program(number: int) -> Mark:
    """A program of this format: each works with the one before."""
    return Mark(format=number, works_with=max(1, number - 1), version=f"0.{number}.0")


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Writes:
    """Lets a process die at its n-th write."""

    left: int = 10_000

    def write(self, file: Path, text: str) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        file.write_text(text)


@dataclass
class Steps:
    """Steps that each write two files: what the format has, beside what the one before had."""

    writes: Writes = field(default_factory=Writes)
    done: list[int] = field(default_factory=list)

    def all(self) -> Sequence[Step[StateFolder]]:
        return [Step(to, f"value {to} is kept", self._step(to)) for to in (4, 2, 3)]

    def _step(self, to: int):  # type: ignore[no-untyped-def]
        def do(folder: StateFolder) -> None:
            before = (folder.root / f"value-{to - 1}").read_text()
            for name in (f"value-{to}", f"index-{to}"):
                self.writes.write(folder.root / name, before)
            self.done.append(to)

        return do


def a_folder(root: Path) -> StateFolder:
    folder = StateFolder(root)
    (root / "locations").mkdir(parents=True)
    (root / "value-1").write_text("kept")
    return folder


@given(st.integers(0, 7), st.integers(2, 4))
def test_a_migration_that_is_killed_at_any_write_is_made_whole_by_the_next(
    tmp_path_factory: pytest.TempPathFactory, writes: int, to: int
) -> None:
    folder = a_folder(tmp_path_factory.mktemp("state"))
    steps, own = Steps(Writes(writes)), program(to)
    try:
        local.migrate(folder, lambda text: None, own, steps.all())
    except Killed:
        assert not folder.format.exists(), "the mark comes last"
        assert local.stored(folder) == BEFORE_MARKS
    steps.writes.left = 10_000
    said: list[str] = []

    local.migrate(folder, said.append, own, steps.all())
    local.migrate(folder, said.append, own, steps.all())

    assert local.stored(folder) == own
    assert {(folder.root / f"value-{number}").read_text() for number in range(1, to + 1)} == {"kept"}
    assert len(said) <= to - 1, "what is done is done once"


def test_each_step_is_told_in_order(tmp_path: Path) -> None:
    said: list[str] = []
    local.migrate(a_folder(tmp_path / "state"), said.append, program(3), Steps().all())
    assert said == [f"format {to} of what is stored: value {to} is kept" for to in (2, 3)]


def test_two_at_once_migrate_once(tmp_path: Path) -> None:
    folder, steps = a_folder(tmp_path / "state"), Steps()
    both = [
        threading.Thread(target=local.migrate, args=(folder, print, program(4), steps.all())) for _ in "ab"
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert steps.done == [2, 3, 4]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_a_program_works_with_its_own_format_and_the_next_and_with_no_later_one(
    tmp_path_factory: pytest.TempPathFactory, programs: list[int]
) -> None:
    folder, steps = a_folder(tmp_path_factory.mktemp("state")), Steps()
    newest = 1
    for number in programs:
        own = program(number)
        if number < newest - 1:
            with pytest.raises(PlaygroundError):
                local.must_fit(folder, own)
            with pytest.raises(PlaygroundError):
                local.migrate(folder, print, own, steps.all())
            continue
        local.must_fit(folder, own)
        local.migrate(folder, print, own, steps.all())
        newest = max(newest, number)
        stored = local.stored(folder)
        assert stored is not None
        assert stored.format == number, "the next one repeats the step"
        if number == newest - 1:
            newest_works_with = formats.after(program(newest)).works_with
            assert stored.works_with >= newest_works_with, "who was kept out still is"


def test_who_went_back_is_told_so_and_the_step_is_repeated_on_the_way_up(tmp_path: Path) -> None:
    folder, steps, said = a_folder(tmp_path / "state"), Steps(), list[str]()
    for number in (3, 2, 3):
        local.migrate(folder, said.append, program(number), steps.all())
    assert steps.done == [2, 3, 3]
    assert "brought to format 3 by version 0.3.0; version 0.2.0 goes on with it in format 2" in said[2]


def test_the_refusal_says_which_version_it_needs_and_how_to_have_it(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "state")
    folder.format.write_text(formats.as_text(Mark(format=4, works_with=3, version="0.9.1")))
    with pytest.raises(PlaygroundError) as raised:
        LocalTarget(folder.root, ROOT)
    found = raised.value.finding
    assert found.kind is FindingKind.CERTAIN
    assert found.object == f"folder/{folder.root}"
    assert "format 4, by version 0.9.1" in found.observed
    assert f"version {OWN.version}" in found.observed
    assert "`playground-ops[local]==0.9.1`" in found.fix
    assert "git checkout v0.9.1" in found.fix


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2}', '{"format": 0, "works_with": 1, "version": "x"}']
)
def test_a_mark_that_is_none_is_named_and_not_guessed(tmp_path: Path, text: str) -> None:
    folder = a_folder(tmp_path / "state")
    folder.format.write_text(text)
    with pytest.raises(PlaygroundError) as raised:
        LocalTarget(folder.root, ROOT)
    assert raised.value.finding.object == f"file/{folder.format}"
    assert folder.format.read_text() == text


def test_what_stores_nothing_has_no_format_and_a_look_at_it_makes_none(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path / "state", ROOT)
    target.stack.migrate(print)
    assert target.stack.stored_format() is None
    assert not target.folder.format.exists()


def test_the_first_mark_is_that_of_this_program(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    local.migrate(folder, pytest.fail)
    assert json.loads(folder.format.read_text()) == OWN.model_dump()


def test_each_format_has_a_step_on_both_targets_and_works_with_the_one_before() -> None:
    from playground_ops.targets.kubernetes.objects import format_mark

    assert OWN.works_with == OWN.format - 1
    for steps in (local.STEPS, format_mark.STEPS):
        assert [one.to for one in steps] == list(range(2, OWN.format + 1))


COMMANDS = (
    *("bootstrap", "plan", "deploy", "upgrade --check", "redeploy", "rollback a", "promote a b", "status"),
    *("history", "logs webserver", "health", "collect", "ui", "down", "down --now --delete-data"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_what_is_too_new_and_touches_nothing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = a_folder(tmp_path / "state")
    folder.format.write_text(formats.as_text(Mark(format=4, works_with=3, version="0.9.1")))
    (tmp_path / "configvalues.yaml").write_text("code_locations: [{name: a}, {name: b}]\n")
    monkeypatch.setenv("PLAYGROUND_STATE", str(folder.root))
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(tmp_path / "configvalues.yaml"))
    before = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*") if path.is_file()}

    with pytest.raises(SystemExit) as ended:
        guarded(cli, "playground", [*command.split(), "--json"])

    assert ended.value.code == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert "format 4, by version 0.9.1" in found["observed"]
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*") if path.is_file()} == before
