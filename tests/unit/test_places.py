"""Where the configuration is found, and where the state of a stack lies."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from playground_ops import places
from playground_ops.core.errors import BadInput
from tests.stacks import ROOT

FILE = "configvalues.yaml"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with the program in `site-packages` and no variable set."""
    for name in ("PLAYGROUND_CONFIG", "PLAYGROUND_STATE", "PLAYGROUND_PROJECT", "PLAYGROUND_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    code = tmp_path / "venv" / "lib" / "site-packages"
    (code / "playground_ops").mkdir(parents=True)
    monkeypatch.setattr(places, "__file__", str(code / "playground_ops" / "places.py"))
    here = tmp_path / "work" / "stack" / "below"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def in_a_clone(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with the program in a clone somewhere else."""
    folder = installed.parents[2] / "clone"
    (folder / "playground_ops").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / FILE).touch()
    monkeypatch.setattr(places, "__file__", str(folder / "playground_ops" / "places.py"))
    return folder


def written(folder: Path, text: str = "target: local\n") -> Path:
    (folder / FILE).write_text(text)
    return folder / FILE


def test_it_is_found_here_or_above_the_nearest_first(installed: Path) -> None:
    far = written(installed.parents[1])
    assert places.configuration_file() == far
    near = written(installed)
    assert places.configuration_file() == near
    assert places.state_folder(places.load_configuration()) == installed / ".playground"


def test_a_folder_of_that_name_is_none(installed: Path) -> None:
    (installed / FILE).mkdir()
    assert places.configuration_file() == installed / FILE
    above = written(installed.parent)
    assert places.configuration_file() == above


def test_without_any_the_defaults_count_here(installed: Path) -> None:
    found = places.load_configuration()
    assert places.is_missing(places.configuration_file())
    assert [one.name for one in found.locations] == ["a", "b"]
    assert places.state_folder(found) == installed / ".playground"
    assert list(installed.iterdir()) == [], "nothing is written by looking"


def test_one_that_is_named_must_be_there(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no readable file"):
        places.load_configuration(installed / "other.yaml")
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(installed / "another.yaml"))
    with pytest.raises(BadInput, match=r"another\.yaml"):
        places.load_configuration()
    assert not places.is_missing(places.configuration_file())


def test_the_variable_comes_before_what_is_found(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(installed)
    other = installed.parent / "other.yaml"
    other.write_text("webserver: {port: 3456}\n")
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(other))
    assert places.load_configuration().webserver.port == 3456


def test_from_anywhere_else_a_clone_has_its_own(in_a_clone: Path, installed: Path) -> None:
    found = places.load_configuration()
    assert (Path(found.source), places.state_folder(found)) == (in_a_clone / FILE, in_a_clone / ".playground")
    assert not places.is_missing(places.configuration_file())
    written(installed)
    assert places.load_configuration().source == str(installed / FILE)


def test_what_is_installed_never_has_state_beside_it(installed: Path) -> None:
    code = Path(places.__file__).parents[1]
    written(code)
    (code / "pyproject.toml").touch()
    assert places.clone() is None
    assert places.state_folder(places.load_configuration()) == installed / ".playground"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else")
@pytest.mark.parametrize("link", [False, True])
def test_one_of_another_user_is_not_taken_but_named(installed: Path, tmp_path: Path, link: bool) -> None:
    above = installed.parent
    if link:
        mine = tmp_path / "mine.yaml"
        mine.write_text("target: local\n")
        (above / FILE).symlink_to(mine)
    else:
        written(above)
    os.chown(above / FILE, 12345, 12345, follow_symlinks=False)
    with pytest.raises(BadInput, match="belongs to user 12345"):
        places.configuration_file()
    assert places.load_configuration(above / FILE).target == "local", "whoever names it means it"


class TestStateOfBefore:
    """All configurations of a clone had their state in the clone, until 0.2."""

    def test_a_stack_goes_on_where_it_was(self, in_a_clone: Path, installed: Path) -> None:
        file = written(installed)
        stack = in_a_clone / ".playground" / "stack.json"
        stack.parent.mkdir()
        stack.write_text(json.dumps({"configuration": str(file), "port": 3000}))
        assert places.state_folder(places.load_configuration(file)) == in_a_clone / ".playground"

    @pytest.mark.parametrize("text", ["{", "[]", '{"configuration": "/elsewhere"}', "\x00"])
    def test_another_one_s_is_left_alone(self, in_a_clone: Path, installed: Path, text: str) -> None:
        file = written(installed)
        (in_a_clone / ".playground").mkdir()
        (in_a_clone / ".playground" / "stack.json").write_text(text)
        assert places.state_folder(places.load_configuration(file)) == installed / ".playground"


def test_what_is_shipped_is_the_clone_s_own() -> None:
    assert places.shipped(FILE) == ROOT / FILE
    assert places.code_folder() == ROOT
