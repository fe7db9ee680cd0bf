"""Following a log: every line once, over rotations, and no secret."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.targets.local import logs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FOLLOW_SECONDS", 0.002)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.log"


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def take(lines: Iterator[str], count: int) -> list[str]:
    return list(itertools.islice(lines, count))


def test_the_last_lines_come_first(path: Path) -> None:
    write(path, "one\ntwo\nthree\n")
    assert list(logs.last_lines(path, 2)) == ["two", "three"]
    lines = logs.follow(path, 2)
    assert take(lines, 2) == ["two", "three"]
    write(path, "four\n")
    assert take(lines, 1) == ["four"]


def test_what_is_written_while_the_reader_is_busy_is_not_passed_over(path: Path) -> None:
    write(path, "one\n")
    lines = logs.follow(path, 10)
    assert take(lines, 1) == ["one"]
    write(path, "two\nthree\n")
    assert take(lines, 2) == ["two", "three"]


def test_a_line_is_given_when_it_has_ended(path: Path) -> None:
    write(path, "half")
    lines = logs.follow(path, 10)
    given: list[str] = []
    reader = threading.Thread(target=lambda: given.extend(take(lines, 1)), daemon=True)
    reader.start()
    write(path, " and \u00fc")
    write(path, " half\n")
    reader.join(10.0)
    assert given == ["half and \u00fc half"]


def test_a_rotation_loses_nothing(path: Path) -> None:
    write(path, "one\n")
    lines = logs.follow(path, 10)
    assert take(lines, 1) == ["one"]
    write(path, "two\n")
    path.replace(path.with_name("x.log.1"))
    write(path, "three, which is longer than all before it\n")
    assert take(lines, 2) == ["two", "three, which is longer than all before it"]


def test_one_that_was_emptied_is_read_from_its_beginning(path: Path) -> None:
    write(path, "one\ntwo\n")
    lines = logs.follow(path, 2)
    take(lines, 2)
    path.write_text("new\n")
    assert take(lines, 1) == ["new"]


def test_one_that_is_not_there_yet_is_waited_for(path: Path) -> None:
    lines = logs.follow(path, 10)
    threading.Timer(0.02, write, (path, "one\n")).start()
    assert take(lines, 1) == ["one"]
    assert list(logs.last_lines(path.with_name("none.log"), 3)) == []


def test_secrets_and_strange_bytes_do_not_get_through(path: Path) -> None:
    path.write_bytes(b"https://me:hunter2@example.com/x.git\n\xff\xfe\n")
    for lines in (logs.last_lines(path, 5), logs.follow(path, 5)):
        shown = "".join(take(lines, 2))
        assert "example.com" in shown
        assert "hunter2" not in shown


def test_none_of_the_last_lines_may_be_asked_for(path: Path) -> None:
    write(path, "one\n")
    lines = logs.follow(path, 0)
    threading.Timer(0.05, write, (path, "two\n")).start()
    assert take(lines, 1) == ["two"]
