"""The words before a printed command: those by which this shell starts the same program in this folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from playground_ops.cli.invocation import Started, program, program_in_a_new_folder
from tests.session.deadlines import stretched
from tests.stacks import ROOT

GIVEN = ("redeploy", "orders", "--config", "my file.yaml")
MODULE = ("python", "-m", "playground_ops")


class Machine:
    """An environment with an interpreter and a script, and the folders that are on the path."""

    def __init__(self, folder: Path) -> None:
        self.environment = folder / "an environment" / "bin"
        self.elsewhere = folder / "usr" / "bin"
        for place in (self.environment, self.elsewhere):
            place.mkdir(parents=True)
        (self.elsewhere / "python3").write_text("")
        for name in ("python", "python3"):
            (self.environment / name).symlink_to(self.elsewhere / "python3")
        (self.environment / "playground-ops").write_text("")
        for name in ("uv", "uvx", "python3"):
            (self.elsewhere / name).touch(mode=0o755)
        for file in self.environment.iterdir():
            file.chmod(0o755)
        self.path = [self.elsewhere]

    def which(self, name: str) -> str | None:
        return shutil.which(name, path=os.pathsep.join(map(str, self.path)))

    def by_module(
        self, *typed: str, parent: Sequence[str] | None = ("sh",), environ: Mapping[str, str] | None = None
    ) -> Started:
        file = str(ROOT / "playground_ops" / "__main__.py")
        executable = str(self.environment / "python")
        return Started([file, *GIVEN], [*typed, *GIVEN], executable, environ or {}, parent)

    def by_script(
        self, typed: str, parent: Sequence[str] | None = ("sh",), environ: Mapping[str, str] | None = None
    ) -> Started:
        executable = str(self.environment / "python")
        return Started([typed, *GIVEN], [executable, typed, *GIVEN], executable, environ or {}, parent)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_script_that_is_on_the_path_is_its_name(machine: Machine) -> None:
    script = str(machine.environment / "playground-ops")
    assert program(machine.by_script(script), machine.which) == f"'{script}'"
    machine.path.insert(0, machine.environment)
    assert program(machine.by_script(script), machine.which) == "playground-ops"


def test_another_script_that_comes_first_on_the_path_is_another_program(machine: Machine) -> None:
    (machine.elsewhere / "playground-ops").touch(mode=0o755)
    machine.path.append(machine.environment)
    script = str(machine.environment / "playground-ops")
    assert program(machine.by_script(script), machine.which) == f"'{script}'"


def test_a_script_by_its_path_is_as_it_was_typed(machine: Machine) -> None:
    assert program(machine.by_script(".venv/bin/playground-ops"), machine.which) == ".venv/bin/playground-ops"


@pytest.mark.parametrize("module", ["playground_ops", "playground_ops.bootstrap"])
def test_a_module_is_run_by_the_word_that_leads_to_this_interpreter(machine: Machine, module: str) -> None:
    machine.path.insert(0, machine.environment)
    for typed in ("python", "python3"):
        started = machine.by_module(typed, "-m", module)
        assert program(started, machine.which) == f"{typed} -m playground_ops"
    python = str(machine.environment / "python")
    by_path = machine.by_module(python, "-X", "dev", "-m", module)
    assert program(by_path, machine.which) == "python -X dev -m playground_ops"


def test_the_python_of_the_path_is_not_that_of_an_environment_made_from_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = str(machine.environment / "python")
    started = machine.by_module(python, *MODULE[1:])
    assert program(started, machine.which) == f"'{python}' -m playground_ops"
    monkeypatch.chdir(machine.environment.parent)
    started = machine.by_module("python", *MODULE[1:])
    assert program(started, machine.which) == "bin/python -m playground_ops"


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (("/x/uv", "run", *MODULE), "uv run python -m playground_ops"),
        (("uv", "run", "-m", "playground_ops.bootstrap"), "uv run -m playground_ops"),
        (("uv", "run", "--project", "a b", *MODULE), "uv run --project 'a b' python -m playground_ops"),
        (("uv", "run", "make", "deploy"), "uv run python -m playground_ops"),
    ],
)
def test_a_module_under_uv_run(machine: Machine, parent: Sequence[str], expected: str) -> None:
    given = GIVEN if "make" not in parent else ()
    started = machine.by_module(*MODULE, parent=(*parent, *given))
    assert program(started, machine.which) == expected


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (("uv", "run", "playground-ops"), "uv run playground-ops"),
        (("uv", "run", ".venv/bin/playground-ops"), "uv run .venv/bin/playground-ops"),
        (("/x/uv", "tool", "uvx", "playground-ops"), "uvx playground-ops"),
        (("uv", "tool", "uvx", "playground-ops@0.2.0"), "uvx playground-ops@0.2.0"),
        (("uv", "tool", "run", "playground-ops"), "uv tool run playground-ops"),
        (
            ("uv", "tool", "uvx", "--from", "playground-ops[local]", "playground-ops"),
            "uvx --from 'playground-ops[local]' playground-ops",
        ),
        (("uv", "run", "--index", "https://u:secret@x", "playground-ops"), "uv run playground-ops"),
        (("uv", "tool", "uvx", "--index", "https://u:secret@x", "playground-ops"), "uvx playground-ops"),
    ],
)
def test_a_script_under_uv(machine: Machine, parent: Sequence[str], expected: str) -> None:
    started = machine.by_script("/cache/bin/playground-ops", parent=(*parent, *GIVEN))
    assert program(started, machine.which) == expected


def test_a_uv_that_is_not_on_the_path_is_its_path(machine: Machine) -> None:
    machine.path = []
    started = machine.by_script("x/playground-ops", parent=("/opt/uv", "run", "playground-ops", *GIVEN))
    assert program(started, machine.which) == "/opt/uv run playground-ops"


def test_where_the_parent_cannot_be_seen_the_variables_of_uv_count(machine: Machine) -> None:
    run, tool = {"UV": "/x/uv", "UV_RUN_RECURSION_DEPTH": "1"}, {"UV": "/x/uv"}
    script = "/cache/bin/playground-ops"
    assert program(machine.by_script(script, None, run), machine.which) == "uv run playground-ops"
    assert program(machine.by_script(script, None, tool), machine.which) == "uvx playground-ops"
    assert program(machine.by_module(*MODULE, parent=None, environ=run), machine.which).startswith("uv run ")


def test_a_shell_within_uv_run_has_the_environment_itself(machine: Machine) -> None:
    machine.path.insert(0, machine.environment)
    environ = {"UV": "/x/uv", "UV_RUN_RECURSION_DEPTH": "1"}
    started = machine.by_module(*MODULE, parent=("bash",), environ=environ)
    assert program(started, machine.which) == "python -m playground_ops"


@pytest.mark.parametrize("words", [("python", "-m", "pytest"), ("python", "-c", "..."), ("python", "x.py")])
def test_whatever_else_runs_this_code_says_it_neutrally(machine: Machine, words: Sequence[str]) -> None:
    started = Started(["x.py"], [*words], sys.executable, {}, ("uv", "run", *words))
    assert program(started, machine.which) == "python -m playground_ops"


def test_options_of_a_command_are_none_of_the_interpreter(machine: Machine) -> None:
    started = Started(
        ["x.py", "-m", "playground_ops"], ["python", "x.py", "-m", "playground_ops"], "", {}, ()
    )
    assert program(started, machine.which) == "python -m playground_ops"


def test_in_a_new_folder_uv_finds_the_pinned_version_and_paths_are_whole(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine.environment.parent)
    uvx = machine.by_script("/cache/playground-ops", ("uv", "tool", "uvx", "playground-ops", *GIVEN))
    assert program_in_a_new_folder(uvx, machine.which) == "uv run playground-ops"
    script = machine.by_script("bin/playground-ops")
    whole = shlex.quote(str(machine.environment / "playground-ops"))
    assert program_in_a_new_folder(script, machine.which) == whole


STARTS = {
    "uv run script": ["uv", "run", "--no-sync", "playground-ops"],
    "uv run module": ["uv", "run", "--no-sync", "python", "-m", "playground_ops"],
    "script": [".venv/bin/playground-ops"],
    "module": ["python", "-m", "playground_ops"],
    "bootstrap, by its first name": ["python", "-m", "playground_ops.bootstrap"],
}


@pytest.mark.parametrize("kind", STARTS)
def test_what_is_printed_is_run_by_the_same_shell_in_the_same_folder(kind: str, tmp_path: Path) -> None:
    """The command fails with a fix that names a command; that one is taken from its words, and run."""
    bin_folder = Path(sys.executable).parent
    if not (bin_folder / "playground-ops").exists():
        pytest.skip("the project is not installed in this environment")
    (tmp_path / ".venv").symlink_to(bin_folder.parent)
    file = tmp_path / "my file.yaml"
    file.write_text("code_locations: [{name: orders}]\n")
    words = STARTS[kind]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("UV", "PLAYGROUND"))}
    if words[0] in ("python", "playground-ops"):  # an environment that is activated
        environ["PATH"] = f"{bin_folder}{os.pathsep}{environ['PATH']}"
    if words[0] == "uv":
        environ |= {"UV_PROJECT": str(ROOT), "UV_PROJECT_ENVIRONMENT": str(bin_folder.parent)}
    environ |= {"PLAYGROUND_STATE": str(tmp_path / "state")}
    is_bootstrap = words[-1].endswith(".bootstrap")
    refused = ["--nothing"] if is_bootstrap else ["status", "--config", file.name]

    def ended(command: str) -> tuple[int, str]:
        asked = ["sh", "-c", command]
        done = subprocess.run(
            asked,
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=stretched(60),
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    code, said = ended(shlex.join([*words, *refused]))
    assert code in (1, 2), said
    if is_bootstrap:
        (again,) = re.findall(r"Try '(.*) --help' for help", said)
        code, said = ended(f"{again} --help")
        assert (code, "or complete it" in said) == (0, True), said
        return
    (fix,) = re.findall(r"Run `(.*)`\.", said)
    before = fix.removesuffix(" bootstrap --config 'my file.yaml'")
    assert before != fix
    assert ("uv run" in before) == (words[0] == "uv")
    code, again = ended(f"{before} status --config 'my file.yaml' --json")
    assert code == 1, again
    assert json.loads(again)["findings"][0]["fix"] == f"Run `{fix}`."
