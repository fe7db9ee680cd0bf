"""The variables that a location's processes have: programs, modules, `.env`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.process_variables import ENV_FILE_BYTES, Given, variables
from playground_ops.targets.common.project import Project, read_project

STACK = Path(sys.prefix)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an environment of its own."""
    home = tmp_path / "environment"
    (home / "bin").mkdir(parents=True)
    (home / "pyvenv.cfg").touch()
    (home / "bin" / "python").touch(0o755)
    return home / "bin" / "python"


def project(folder: Path, root: str = "src", env: str | bytes | None = None) -> Project:
    module = folder / "checkout" / "sales" / root / "playground" / "definitions.py"
    module.parent.mkdir(parents=True, exist_ok=True)
    module.touch()
    if env is not None:
        file = folder / "checkout" / "sales" / ".env"
        file.write_bytes(env if isinstance(env, bytes) else env.encode())
    return read_project(folder / "checkout", "sales")


def path(*places: Path | str) -> str:
    return os.pathsep.join(map(str, places))


class TestPrograms:
    def test_those_of_its_environment_come_first_and_none_of_the_stack_s(
        self, tmp_path: Path, python: Path
    ) -> None:
        activated = tmp_path / "of-a-shell"
        (activated / "bin").mkdir(parents=True)
        (activated / "pyvenv.cfg").touch()
        inherited = {
            "PATH": path(STACK / "bin", activated / "bin", "/usr/local/bin", f"{STACK}/bin/", "/usr/bin"),
            "VIRTUAL_ENV": str(activated),
            "VIRTUAL_ENV_PROMPT": "stack",
            "PYTHONHOME": "/opt/python",
        }
        found = variables(Given(inherited, {}), project(tmp_path), python)
        assert found["PATH"] == path(python.parent, "/usr/local/bin", "/usr/bin")
        assert found["VIRTUAL_ENV"] == str(python.parent.parent)
        assert (found["PYTHONHOME"], found["VIRTUAL_ENV_PROMPT"]) == ("", ""), "unset, for Python"

    def test_a_configured_path_comes_after_them(self, tmp_path: Path, python: Path) -> None:
        given = Given({"PATH": "/usr/bin"}, {"PATH": "/opt/oracle/bin:/usr/bin"})
        found = variables(given, project(tmp_path), python)
        assert found["PATH"] == path(python.parent, "/opt/oracle/bin", "/usr/bin")

    def test_shared_packages_have_the_stack_s_own(self, tmp_path: Path) -> None:
        found = variables(Given({"PATH": "/usr/bin"}, {}), project(tmp_path), Path(sys.executable))
        assert found["PATH"] == path(Path(sys.executable).parent, "/usr/bin")
        assert found["VIRTUAL_ENV"] == str(STACK)

    def test_the_machine_s_own_python_moves_nothing(self, tmp_path: Path, python: Path) -> None:
        (python.parent.parent / "pyvenv.cfg").unlink()
        inherited = {"PATH": path("/usr/local/bin", python.parent)}
        found = variables(Given(inherited, {}), project(tmp_path), python)
        assert "PATH" not in found
        assert "VIRTUAL_ENV" not in found

    def test_an_image_s_python_leaves_the_image_s_programs(self, tmp_path: Path) -> None:
        found = variables(Given({}, {"PATH": "/usr/bin"}), project(tmp_path), None)
        assert found["PATH"] == "/usr/bin"


class TestModules:
    def test_src_is_on_the_path_and_the_project_s_folder_too(self, tmp_path: Path, python: Path) -> None:
        made = project(tmp_path)
        found = variables(Given({"PYTHONPATH": "/of/the/stack"}, {}), made, python)
        assert made.module_root == made.directory / "src"
        assert found["PYTHONPATH"] == path(made.module_root, made.directory), "and nothing of the stack"

    def test_what_is_configured_comes_after(self, tmp_path: Path, python: Path) -> None:
        made = project(tmp_path, ".", "PYTHONPATH=of/the/file\n")
        given = Given({}, {"PYTHONPATH": "/configured"})
        assert variables(given, made, python)["PYTHONPATH"] == path(made.directory, "/configured")
        assert variables(Given({}, {}), made, python)["PYTHONPATH"] == path(made.directory, "of/the/file")

    def test_shared_packages_keep_the_path_that_is_inherited(self, tmp_path: Path) -> None:
        shared = Path(sys.executable)
        inherited = Given({"PYTHONPATH": "/more"}, {})
        made = project(tmp_path)
        found = variables(inherited, made, shared)["PYTHONPATH"]
        assert found == path(made.module_root, made.directory, "/more")

    def test_and_without_src_nothing_is_set(self, tmp_path: Path) -> None:
        """The management location is such a one, and its path would reach whatever it starts."""
        made = project(tmp_path, ".")
        assert "PYTHONPATH" not in variables(Given({}, {}), made, Path(sys.executable))


class TestEnvFile:
    def test_it_counts_more_than_the_shell_and_less_than_the_configuration(
        self, tmp_path: Path, python: Path
    ) -> None:
        text = "SHELL_HAS=file\nBOTH=file\nexport ONLY='two words' # a comment\nNONE\nEMPTY=\n"
        given = Given({"SHELL_HAS": "shell"}, {"BOTH": "configured"})
        found = variables(given, project(tmp_path, env=text), python)
        assert (found["SHELL_HAS"], found["BOTH"]) == ("file", "configured")
        assert (found["ONLY"], found["EMPTY"]) == ("two words", "")
        assert "NONE" not in found

    def test_a_value_refers_to_what_the_process_will_have(self, tmp_path: Path, python: Path) -> None:
        text = "URL=pg://${USER_NAME}:${PASSWORD}@${HOST:-localhost}\nTWICE=${URL}${URL}\n"
        given = Given({"USER_NAME": "ada"}, {"PASSWORD": "configured"})
        found = variables(given, project(tmp_path, env=f"PASSWORD=file\n{text}"), python)
        assert found["URL"] == "pg://ada:configured@localhost"
        assert found["TWICE"] == found["URL"] * 2

    def test_what_only_the_stack_sets_is_left_alone(self, tmp_path: Path, python: Path) -> None:
        text = "DAGSTER_HOME=/home/ada/dagster\nPLAYGROUND_STATE=/x\nMORE=1\n"
        found = variables(Given({}, {}), project(tmp_path, env=text), python)
        assert {"DAGSTER_HOME", "PLAYGROUND_STATE"}.isdisjoint(found)
        assert found["MORE"] == "1"

    def test_windows_line_ends_and_a_byte_order_mark(self, tmp_path: Path, python: Path) -> None:
        found = variables(Given({}, {}), project(tmp_path, env=b"\xef\xbb\xbfA=1\r\nB=\xc3\xbc\r\n"), python)
        assert (found["A"], found["B"]) == ("1", "ü")

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (b"A=\xff\n", "line 1 is not UTF-8"),
            (b"A=1\0\n", "NUL"),
            (b"#" * (ENV_FILE_BYTES + 1), "bytes"),
        ],
    )
    def test_what_can_t_be_read_is_named(self, tmp_path: Path, python: Path, text: bytes, why: str) -> None:
        self.refused(project(tmp_path, env=text), python, why)

    @pytest.mark.parametrize(("kind", "why"), [("link", "is a link to"), ("pipe", "no file")])
    def test_a_file_of_the_repository_alone_is_read(
        self, tmp_path: Path, python: Path, kind: str, why: str
    ) -> None:
        made = project(tmp_path)
        if kind == "link":
            (tmp_path / "elsewhere").write_text("A=1\n")
            (made.directory / ".env").symlink_to(tmp_path / "elsewhere")
        else:
            os.mkfifo(made.directory / ".env")
        self.refused(made, python, why)

    @staticmethod
    def refused(made: Project, python: Path, why: str) -> None:
        with pytest.raises(PlaygroundError) as caught:
            variables(Given({}, {}), made, python)
        assert caught.value.finding.kind is FindingKind.CERTAIN
        assert caught.value.finding.object == "file/sales/.env"
        assert why in caught.value.finding.cause
