"""What `init` makes, asks and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.cli.init_command import init
from playground_ops.cli.main import cli
from playground_ops.config import OPS, load, read
from playground_ops.starting.files import Wanted, files
from playground_ops.starting.workflows import workflow
from playground_ops.version import __version__
from tests.stacks import ROOT
from tests.unit.test_cli import Terminal

SHIPPED = (ROOT / "configvalues.yaml").read_text()
SCHEMA = (ROOT / "playground_ops" / "configvalues.schema.json").read_text()
PLACES = ("$schema", "# Everything that a location", "# Where and how the stack lies")
SHORT = "".join(
    line for line in SHIPPED.splitlines(keepends=True) if line[0] != "#" or any(one in line for one in PLACES)
)
"""The shipped file with what is read, and what answers are put beside."""
URL = "https://git.internal/data/pipelines.git"


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(None, capsys)  # type: ignore[arg-type]


def test_without_answers_it_is_the_shipped_file_and_the_same_stack(
    tmp_path: Path, terminal: Terminal
) -> None:
    status, out, _ = terminal("init", str(tmp_path / "My Stack"))
    assert status == 0, out
    made = tmp_path / "My Stack"
    text = (made / "configvalues.yaml").read_text()
    assert text.splitlines()[1:] == SHIPPED.splitlines()[1:]
    assert text.splitlines()[0] == "# yaml-language-server: $schema=configvalues.schema.json"
    assert (made / "configvalues.schema.json").read_text() == SCHEMA
    assert load(made / "configvalues.yaml").locations == load(ROOT / "configvalues.yaml").locations
    project = (made / "pyproject.toml").read_text()
    assert 'name = "my-stack"' in project
    assert f'"playground-ops[local]=={__version__}"' in project
    assert ".playground/" in (made / ".gitignore").read_text()
    assert len((made / "README.md").read_text().splitlines()) <= 12


def test_what_is_given_is_in_the_file(tmp_path: Path, terminal: Terminal) -> None:
    given_ = ["--repo", URL, "--ref", "next", "--subdirectory", "projects/x", "--target", "kubernetes"]
    status, out = terminal.json("init", str(tmp_path / "s"), *given_, "--context", "kind-x", "--ci", "gitlab")
    assert status == 0, out
    assert set(out["files"]) >= {"configvalues.yaml", "pyproject.toml", ".gitlab-ci.yml"}
    found = load(tmp_path / "s" / "configvalues.yaml")
    (a,) = found.locations
    assert (a.name, a.repository, a.ref, a.subdirectory) == ("a", URL, "next", "projects/x")
    assert (found.target, found.kubernetes.context, found.ops) == ("kubernetes", "kind-x", OPS)


@given(
    st.from_regex(r"[a-z]{1,8}(/[a-z0-9._-]{1,8}){0,3}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
)
def test_any_answer_is_one_value_of_the_file(ref: str, context: str) -> None:
    wanted = Wanted("s", "1", "kubernetes", context, URL, ref)
    text = files(wanted, SHORT, SCHEMA)["configvalues.yaml"]
    document = yaml.safe_load(text)
    assert document["kubernetes"] == {"context": context}
    assert document["code_locations"] == [{"name": "a", "repo": {"url": URL, "ref": ref}}]


@pytest.mark.parametrize("way", ["file", "link to nowhere"])
def test_nothing_is_overwritten_and_nothing_written_then(
    tmp_path: Path, terminal: Terminal, way: str
) -> None:
    there = tmp_path / "pyproject.toml"
    if way == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    status, _, err = terminal("init", str(tmp_path))
    assert status == 2
    assert f"file/{there}" in err
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
    assert way != "file" or there.read_text() == "mine"


def test_an_answer_that_is_no_good_is_told_by_its_key_and_nothing_is_written(
    tmp_path: Path, terminal: Terminal
) -> None:
    status, _, err = terminal("init", str(tmp_path / "s"), "--repo", "https://ada:secret@git.internal/x.git")
    assert status == 2
    assert "repo" in err
    assert "secret" not in err
    assert not (tmp_path / "s").exists()


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path, terminal: Terminal) -> None:
    (tmp_path / "file").touch()
    status, _, err = terminal("init", str(tmp_path / "file" / "s"))
    assert (status, "can't be written" in err) == (2, True), err


class TestQuestions:
    @pytest.fixture(autouse=True)
    def at_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("playground_ops.cli.init_command._is_asking", lambda: True)

    @staticmethod
    def asked(tmp_path: Path, answers: str, *arguments: str) -> dict[str, object]:
        ended = CliRunner().invoke(init, [str(tmp_path / "s"), *arguments], input=answers)
        assert ended.exit_code == 0, ended.output
        document = yaml.safe_load((tmp_path / "s" / "configvalues.yaml").read_text())
        return {key: document.get(key) for key in ("code_locations", "target", "kubernetes")}

    def test_answers_are_in_the_file(self, tmp_path: Path) -> None:
        found = self.asked(tmp_path, f"{URL}\ndevelop\nprojects/x\nkubernetes\nprod\n")
        repo = {"url": URL, "ref": "develop", "subdirectory": "projects/x"}
        assert found["code_locations"] == [{"name": "a", "repo": repo}]
        assert (found["target"], found["kubernetes"]) == ("kubernetes", {"context": "prod"})

    def test_empty_ones_are_the_defaults(self, tmp_path: Path) -> None:
        found = self.asked(tmp_path, "\n\n")
        assert found == {"code_locations": None, "target": "local", "kubernetes": None}

    def test_what_was_given_is_not_asked_and_with_yes_nothing(self, tmp_path: Path) -> None:
        assert self.asked(tmp_path, "", "--repo", URL, "--target", "local")["target"] == "local"
        assert self.asked(tmp_path / "more", "", "--yes")["target"] == "local"


@pytest.mark.parametrize("forge", ["github", "gitea", "gitlab"])
@pytest.mark.parametrize("target", ["local", "kubernetes"])
def test_the_workflow_validates_plans_and_deploys_by_commands_that_there_are(forge: str, target: str) -> None:
    path, text = workflow(forge, target)  # type: ignore[arg-type]
    document = yaml.safe_load(text)
    assert document
    assert path == (".gitlab-ci.yml" if forge == "gitlab" else f".{forge}/workflows/stack.yml")
    commands = set(re.findall(r"playground-ops (\S+)", text)) - {'"$WHAT"'}
    commands |= set(re.findall(r"'(deploy|plan)'", text))
    assert commands == {"validate", "plan", "deploy"}
    assert all(cli.get_command(None, name) for name in commands)  # type: ignore[arg-type]


def test_a_proposed_change_is_never_deployed() -> None:
    """On GitHub and Gitea the event decides, which whoever proposes can't choose; a fork's has no secrets."""
    document = yaml.safe_load(workflow("github", "kubernetes")[1])
    step = document["jobs"]["stack"]["steps"][-1]
    assert step["env"]["WHAT"] == "${{ github.event_name == 'push' && 'deploy' || 'plan' }}"
    assert document[True] == {"pull_request": None, "push": {"branches": ["main"]}}, (
        "`on`, as YAML 1.1 reads it"
    )
    assert json.dumps(document["permissions"]) == '{"contents": "read"}'


def test_the_file_that_comes_with_the_program_can_be_read() -> None:
    assert read(SHIPPED, ROOT / "configvalues.yaml").target == "local"
