"""A complete session with a test that fails once: what is retried, what is reported, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = "-p tests.session.plugin -n 2 --dist loadfile --no-loadscope-reorder -m 'not soak'"
ONCE = """
import pathlib

def test_{name}():
    mark = pathlib.Path({folder!r}, "{name}")
    if not mark.exists():
        mark.touch()
        raise AssertionError("the first time")
"""
ALWAYS = "def test_broken():\n    raise AssertionError('every time')\n"
SKIPS = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_skips(number):
    pytest.skip("there is no ocean here")
"""


def session(folder: Path, *files: tuple[str, str], arguments: tuple[str, ...] = ()) -> tuple[int, str]:
    """Return its exit code and output. Names of files are relative to the folder."""
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {OPTIONS}\ntimeout = 60\nmarkers = soak\n")
    for name, text in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PLAYGROUND_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), "PLAYGROUND_TEST_SLOWNESS": "1", "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def once(folder: Path, name: str) -> str:
    return ONCE.format(name=name, folder=str(folder))


def test_what_passes_alone_is_flaky_and_the_session_green(tmp_path: Path) -> None:
    code, said = session(tmp_path, ("tests/stack/test_x.py", once(tmp_path, "late") + "def test_y(): pass\n"))
    assert code == 0, said
    last = said.rstrip().splitlines()[-1]
    assert last == "FLAKY tests/stack/test_x.py::test_late: AssertionError: the first time", said
    assert "1 passed, 1 flaky" in said
    assert "the first time" in said, "what it failed of is kept"


def test_what_stands_on_the_tests_before_it_is_tried_with_them(tmp_path: Path) -> None:
    first = "made = []\ndef test_first(): made.append(1)\n"
    second = once(tmp_path, "second").replace(":\n", ":\n    assert made\n", 1)
    code, said = session(tmp_path, ("tests/stack/test_x.py", first + second))
    assert (code, "1 passed, 1 flaky" in said) == (0, True), said


def test_what_fails_twice_is_red_and_what_does_not_is_still_told(tmp_path: Path) -> None:
    files = ("tests/stack/test_x.py", once(tmp_path, "late")), ("tests/stack/test_z.py", ALWAYS)
    code, said = session(tmp_path, *files)
    assert code == 1, said
    assert "FLAKY tests/stack/test_x.py::test_late" in said
    assert "FAILED tests/stack/test_z.py::test_broken" in said


def test_a_file_that_can_not_be_imported_is_red_whatever_passes_alone(tmp_path: Path) -> None:
    files = (
        ("tests/stack/test_x.py", once(tmp_path, "late")),
        ("tests/stack/test_z.py", "import nowhere_at_all"),
    )
    code, said = session(tmp_path, *files)
    assert code == 1, said
    assert "FLAKY tests/stack/test_x.py::test_late" in said
    assert "ERROR tests/stack/test_z.py" in said
    assert "\nFAILED tests/stack/test_z.py, none of whose tests ran: E   ModuleNotFoundError: No" in said, (
        said
    )


SET_UP = """
import pathlib
import pytest

@pytest.fixture(scope="module")
def stack():
    mark = pathlib.Path({folder!r}, "stack")
    if not mark.exists():
        mark.touch()
        raise AssertionError("no room\\nfor a stack")

@pytest.mark.parametrize("number", range(14))
def test_it(stack, number):
    pass
"""


def test_a_set_up_that_fails_is_one_failure(tmp_path: Path) -> None:
    code, said = session(tmp_path, ("tests/stack/test_x.py", SET_UP.format(folder=str(tmp_path))))
    assert code == 0, said
    last = said.rstrip().splitlines()[-1]
    assert last == "FLAKY tests/stack/test_x.py::test_it[0] and 13 more tests: AssertionError: no room", said


def test_the_last_lines_have_every_failure(tmp_path: Path) -> None:
    broken = "".join(f"def test_{n}():\n    raise ValueError('{n}' * 999 + '\\\\nmore')\n" for n in range(13))
    code, said = session(tmp_path, ("tests/stack/test_x.py", broken))
    assert code == 1 and "too many for noise" in said, said
    last = said.rstrip().splitlines()[-13:]
    assert all(line.startswith("FAILED tests/stack/test_x.py::test_") and len(line) < 400 for line in last), (
        said
    )


def test_a_pure_test_is_not_tried_again(tmp_path: Path) -> None:
    code, said = session(tmp_path, ("tests/unit/test_x.py", once(tmp_path, "pure")))
    assert (code, "FLAKY" in said, "once more" in said) == (1, False, False), said


@pytest.mark.parametrize(("number", "ends"), [(3, 0), (4, 1)])
def test_more_than_three_are_red(tmp_path: Path, number: int, ends: int) -> None:
    text = "".join(once(tmp_path, f"late_{one}") for one in range(number))
    code, said = session(tmp_path, ("tests/stack/test_x.py", text))
    assert (code, said.count("\nFLAKY ")) == (ends, number), said


def test_a_reason_to_skip_is_one_line_and_the_times_are_a_table(tmp_path: Path) -> None:
    code, said = session(tmp_path, ("tests/stack/test_x.py", SKIPS), arguments=("--times",))
    assert code == 0, said
    assert said.count("there is no ocean here") == 1
    assert "SKIPPED 3: there is no ocean here" in said
    assert "| tests/stack | 0 | 3 |" in said
