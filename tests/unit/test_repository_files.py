"""What a repository's files may not do: lead out of the checkout, have no end, hold what nobody foresees."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.targets.common import own_metadata, prepared_by_default, preparing
from playground_ops.targets.common.declared import Selection
from playground_ops.targets.common.process_variables import Given, variables
from playground_ops.targets.common.project import read_project
from playground_ops.targets.common.repository_files import LONGEST, inside, read
from playground_ops.targets.kubernetes.inside import installing, serving
from playground_ops.targets.kubernetes.inside.reporting import EXIT_CERTAIN
from playground_ops.targets.packages import dependencies
from playground_ops.targets.packages.copies import copy_checkout
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.interpreters import choose, of_the_image
from playground_ops.targets.packages.sought import Sought
from playground_ops.targets.packages.trees import tree_hash

Files = dict[str, str | bytes]
MODULE: Files = {"playground/definitions.py": ""}


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder.resolve()


def read_all(checkout: Path, selection: Selection | None = None) -> None:
    """Read a commit as a rollout does. Raises PlaygroundError."""
    project = read_project(checkout, selection=selection or Selection())
    variables(Given({}, {}), project, None)
    own_metadata.needs_build(project)
    own_metadata.has_version_from_git(project)
    if found := own_metadata.declared(project):
        own_metadata.write(found, checkout.parent / "metadata")
    prepared_by_default.steps(project, "python", [])
    if project.declared.kind is not None:
        interpreter = of_the_image(project, "environment/.")
        dependencies.check(project, interpreter)
        sought = Sought(project, "environment/.", interpreter, ())
        assert sought.key
        assert sought.content


def refusal(checkout: Path, selection: Selection | None = None) -> Finding:
    with pytest.raises(PlaygroundError) as caught:
        read_all(checkout, selection)
    for finding in caught.value.findings:
        assert finding.kind is FindingKind.CERTAIN
        assert finding.rejects
        assert "does not expect" not in finding.cause
    return caught.value.finding


class TestInside:
    def test_a_path_is_followed_through_links_that_stay(self, tmp_path: Path) -> None:
        checkout = write(tmp_path / "c", {"a/b/x": "here"})
        (checkout / "a" / "link").symlink_to("../a/./b/../b")
        assert inside(checkout, checkout / "a/link/x") == checkout / "a/b/x"
        assert read(checkout, checkout / "a/link/x") == b"here"
        assert inside(checkout, checkout / "gone/../a/new") == checkout / "a/new"

    @pytest.mark.parametrize(
        "target",
        [
            "../../outside",
            "/",
            "/proc/self",
            "../../c/a",
            "deep",
            "{checkout}/a",
            "../.git",
            "sub/../../..",
        ],
    )
    def test_one_that_leads_out_is_refused_with_the_link(self, tmp_path: Path, target: str) -> None:
        checkout = write(tmp_path / "c", {"a/b/x": ""})
        write(tmp_path / "outside", {"x": ""})
        (checkout / "a" / "deep").symlink_to("b/up")
        (checkout / "a" / "b" / "up").symlink_to("../../../outside")
        (checkout / "a" / "link").symlink_to(target.format(checkout=checkout))
        with pytest.raises(PlaygroundError) as caught:
            inside(checkout, checkout / "a/link/x")
        assert "`a/link/x` leads out of the repository" in str(caught.value)

    @pytest.mark.parametrize(
        "path", ["../outside", "a/../../outside", "/etc/passwd", "..", ".git/config", ".GIT"]
    )
    def test_so_is_a_path_alone(self, tmp_path: Path, path: str) -> None:
        checkout = write(tmp_path / "c", {"a/x": ""})
        with pytest.raises(PlaygroundError, match="leads out of the repository"):
            inside(checkout, checkout / path)

    @pytest.mark.parametrize("name", ["n" * 300, "d/" * 3000, "nul\0"])
    def test_a_path_that_no_file_can_have_is_named(self, tmp_path: Path, name: str) -> None:
        checkout = write(tmp_path / "c", {"a": ""})
        with pytest.raises(PlaygroundError, match="Its path"):
            inside(checkout, checkout / name)


LINKED = {
    "to a device": "/dev/zero",
    "to itself": "{name}",
    "out": "../outside.txt",
    "to a folder": "playground",
    "to an endless file of the kernel": "/proc/kcore",
}


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "dg.toml", "setup.cfg", ".env", "requirements.txt", "uv.lock"]
)
@pytest.mark.parametrize("kind", LINKED)
def test_a_link_in_the_place_of_a_file_is_named(tmp_path: Path, name: str, kind: str) -> None:
    checkout = write(tmp_path / "c", {**MODULE, "pyproject.toml": '[project]\nname = "x"\n'})
    (tmp_path / "outside.txt").write_text("CANARY = 1\n")
    (checkout / name).unlink(missing_ok=True)
    (checkout / name).symlink_to(LINKED[kind].format(name=name))
    if kind == "to a folder" and name in ("requirements.txt", "uv.lock"):
        read_all(checkout)  # a folder of that name means nothing
        return
    finding = refusal(checkout)
    assert name in finding.object
    assert "CANARY" not in finding.sentence()


@pytest.mark.parametrize(
    ("files", "link", "named"),
    [
        ({"src/x.py": ""}, None, '[tool.setuptools.packages.find]\nwhere = ["../outside"]\n'),
        ({}, None, '[tool.setuptools.packages.find]\nwhere = ["{outside}"]\n'),
        ({}, None, '[tool.hatch.build.targets.wheel]\npackages = ["../outside/playground"]\n'),
        ({}, None, '[tool.uv.build-backend]\nmodule-root = "../outside"\n'),
        ({}, "src", ""),
        ({}, "playground", ""),
        ({"playground/x.py": ""}, "playground/definitions.py", ""),
        (MODULE, "dagster", ""),
    ],
)
def test_code_from_outside_of_the_commit_is_refused(
    tmp_path: Path, files: Files, link: str | None, named: str
) -> None:
    outside = write(tmp_path / "outside", {**MODULE, "__init__.py": "", "__main__.py": ""})
    text = '[project]\nname = "x"\n' + named.format(outside=outside)
    checkout = write(tmp_path / "c", {**files, "pyproject.toml": text})
    if link:
        there = {"playground": "playground", "playground/definitions.py": "playground/definitions.py"}.get(
            link, ""
        )
        (checkout / link).symlink_to(os.path.relpath(outside / there, (checkout / link).parent))
    finding = refusal(checkout)
    assert "leads out of the repository" in finding.observed
    assert "outside" in finding.sentence()
    if named:
        assert "of `pyproject.toml` names it" in finding.cause


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pyproject.toml", "[project]\ndynamic = 1\n", "`project.dynamic` is a number."),
        ("pyproject.toml", "[project]\ndependencies = [1]\n", "`project.dependencies[0]` is a number."),
        ("pyproject.toml", "[project]\nclassifiers = 1\n", "`project.classifiers` is a number."),
        ("pyproject.toml", "project = 1\n", "`project` is a number."),
        ("pyproject.toml", "tool = []\n", "`tool` is a list."),
        ("pyproject.toml", "[tool.uv]\npackage = 1\n", "`tool.uv.package` is a number."),
        ("pyproject.toml", "[tool.uv]\nsources = [1]\n", "`tool.uv.sources` is a list."),
        ("pyproject.toml", "[tool.uv.sources]\nx = [1]\n", "`tool.uv.sources.x[0]` is a number."),
        ("pyproject.toml", "[tool.poetry]\nsource = [1]\n", "`tool.poetry.source[0]` is a number."),
        (
            "pyproject.toml",
            '[tool.dagster]\nmodule_name = ""\nmodules = 1\n',
            "`tool.dagster.modules` is a number.",
        ),
        ("pyproject.toml", "[dependency-groups]\nx = [1]\n", "`dependency-groups.x[0]` is a number."),
        ("pyproject.toml", '[tool.dagster]\nmodule_name = "/etc/x"\n', "no name of a module"),
        ("pyproject.toml", '[tool.dagster]\nmodule_name = "-c"\n', "no name of a module"),
        ("pyproject.toml", '[tool.dg.project]\nroot_module = "a/../.."\n', "no name of a module"),
        ("pyproject.toml", f"x = {'9' * 5000}\n", "can't be read as TOML"),
        ("pyproject.toml", f"x = 0x{'f' * 5000}\n", "more than 64 bits"),
        ("pyproject.toml", "x = " + "[" * 5000, "nests deeper than 50 levels"),
        ("pyproject.toml", "x = " + "{a=" * 5000, "nests deeper than 50 levels"),
        ("pyproject.toml", "[" + "a." * 100_000 + "a]\n", "nests deeper than 50 levels"),
        ("pyproject.toml", "x = [\n'''[''', " + '"["' + "]\n" + "a." * 100_000 + "a=1", "nests deeper"),
        ("pyproject.toml", b"x = '\xff'\n", "A byte at line 1 is not UTF-8"),
        ("pyproject.toml", b"\xff\xfex\0=\0", "UTF-16"),
        ("pyproject.toml", b"x\0 = 1\n", "NUL"),
        ("pyproject.toml", b"#" * (LONGEST + 1), "more than 16,000,000 bytes"),
        ("uv.lock", '[[package]]\nversion = "1"\n', "`package[0].name` is missing"),
        ("uv.lock", "package = 1\n", "`package` is a number."),
        ("poetry.lock", "[[package]]\nname = 1\n", "`package[0].name` is a number."),
        ("pdm.lock", "[[package]]\nname = 'x'\nfiles = [1]\n", "`package[0].files[0]` is a number."),
        ("pylock.toml", "packages = [1]\n", "`packages[0]` is a number."),
        ("pylock.run.toml", "[[packages]]\n", "`packages[0].name` is missing"),
        ("Pipfile.lock", '{"_meta": {"sources": [1]}}', "`_meta.sources[0]` is a number."),
        ("Pipfile.lock", "[1]", "no table of keys and values"),
        ("Pipfile.lock", "[" * 100_000, "nests deeper than 50 levels"),
        ("Pipfile.lock", '{"default": {"\\ud800": {}}}', "half a character"),
        ("Pipfile.lock", '{"x": ' + "9" * 5000 + "}", "can't be read as JSON"),
        ("setup.cfg", "no section\n", "can't be read"),
        ("setup.cfg", b"[options]\nx = \xff\n", "not UTF-8"),
        (
            ".env",
            "V0=x\n" + "".join(f"V{n + 1}=${{V{n}}}${{V{n}}}\n" for n in range(40)),
            "can't be set",
        ),
        ("setup.cfg", "[options]\nx" + " " * 100_000 + "y\n", "can't be read"),
        (".env", "'A=B'=x\n", "can't be set"),
        (".env", "A=" + "${A:-" * 30_000, "references"),
        (".env", "A=x" + " " * 100_000 + "y\n", "spaces"),
        ("requirements.txt", "-r ../outside.txt\n", "`../outside.txt` leads out"),
        ("requirements.txt", "-c /etc/passwd\n", "leads out"),
        ("requirements.txt", "-c file:///etc/passwd\n", "leads out"),
        ("requirements.txt", "-r ${HOME}/x.txt\n", "`${HOME}/x.txt`"),
        ("requirements.txt", "--find-links ../outside\n", "leads out"),
        ("requirements.txt", "-e ../outside\n", "from outside its repository: `../outside`"),
        ("requirements.txt", "x @ file:///etc\n", "from outside its repository: `/etc`"),
    ],
)
def test_what_can_t_be_used_is_named_with_file_and_key(
    tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    began = time.monotonic()
    project = '[project]\nname = "x"\n[tool.poetry]\n' if name == "poetry.lock" else '[project]\nname = "x"\n'
    checkout = write(tmp_path / "c", {**MODULE, "pyproject.toml": project, name: text})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside.txt").write_text("CANARY\n")
    finding = refusal(checkout)
    assert told in finding.sentence()
    assert "CANARY" not in finding.sentence()
    assert time.monotonic() - began < 20, "what takes a parser hours is refused before"


@pytest.mark.parametrize(
    "text",
    [
        f"x>={'9' * 3999}\n",
        f"x=={'9' * 5000}\n",
        "x; os_name ~= 'posix'\n",
        "x; " + "(" * 3000 + "os_name == 'a'" + ")" * 3000,
        "x; python_version >= '" + "9" * 3900 + "'\n",
        "\ufeffx==1\n",
        "-r \n--requirement=\n-e\n-e \n@\n",
        "x" * 1_000_000,
        "-r" + " " * 100_000 + "x\n",
    ],
)
@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_requirements_that_nobody_writes_harm_nothing(tmp_path: Path, name: str, text: str) -> None:
    line = text.strip().encode("unicode_escape").decode().replace('"', "")
    content = f'[project]\nname = "x"\ndependencies = ["{line}"]\n' if name == "pyproject.toml" else text
    checkout = write(
        tmp_path / "c", {**MODULE, name: content, "uv.lock": '[[package]]\nname = "x"\nversion = "1"\n'}
    )
    try:
        read_all(checkout, Selection(name))
    except PlaygroundError as error:
        assert error.finding.kind is FindingKind.CERTAIN
        assert "does not expect" not in str(error)


def test_requirements_from_windows_are_read(tmp_path: Path) -> None:
    checkout = write(tmp_path / "c", {**MODULE, "requirements.txt": "dagster==1.13.0\r\n".encode("utf-16")})
    assert read_project(checkout).declared.is_exact


def test_constraints_of_a_url_are_the_installer_s_to_ask(tmp_path: Path) -> None:
    text = "-c https://files.test/constraints.txt\ndagster==1.13.0\n"
    assert read_project(write(tmp_path / "c", {**MODULE, "requirements.txt": text})).declared.is_exact


def test_files_that_include_each_other_have_a_bound(tmp_path: Path) -> None:
    chain: Files = {f"r{number}.txt": f"-r r{number + 1}.txt\n" for number in range(2000)}
    checkout = write(tmp_path / "c", {**MODULE, **chain, "requirements.txt": "-r r0.txt\n"})
    assert "More than 100 files" in refusal(checkout).cause


@pytest.mark.parametrize("members", ["../*", "/srv/*", "libs/../../*"])
def test_a_workspace_has_no_members_outside(tmp_path: Path, members: str) -> None:
    text = f'[tool.uv.workspace]\nmembers = ["app", "", "**", "{members}"]\n'
    app = '[project]\nname = "app"\n'
    checkout = write(tmp_path / "c", {"pyproject.toml": text, "uv.lock": "", "app/pyproject.toml": app})
    write(checkout / "app", MODULE)
    with pytest.raises(PlaygroundError, match=r"`tool.uv.workspace.members` of `pyproject.toml` names it"):
        read_project(checkout, "app")


@pytest.mark.parametrize("key", ["editable", "virtual", "directory", "path"])
def test_a_lock_has_no_package_outside(tmp_path: Path, key: str) -> None:
    lock = f'[[package]]\nname = "lib"\nversion = "1"\nsource = {{ {key} = "../lib" }}\n'
    checkout = write(tmp_path / "c", {**MODULE, "pyproject.toml": '[project]\nname = "x"\n', "uv.lock": lock})
    assert "from outside its repository: `../lib`" in refusal(checkout).observed


@pytest.mark.parametrize("pin", ["/srv/evil/python", "../python", "./python", "rm", "-c", "~/python", "a\0b"])
def test_a_python_that_the_repository_brings_is_never_run(
    tmp_path: Path, pin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground_ops.targets.packages.interpreters.Uv", None)
    checkout = write(tmp_path / "c", {**MODULE, ".python-version": pin, "requirements.txt": "dagster\n"})
    if "\0" in pin:
        with pytest.raises(PlaygroundError, match="NUL"):
            choose(read_project(checkout), "environment/.")
    else:
        assert choose(read_project(checkout), "environment/.").path == Path(sys.executable)


def test_a_project_s_name_is_no_path(tmp_path: Path) -> None:
    text = f'[project]\nname = "{tmp_path}/evil"\nversion = "1"\n'
    checkout = write(tmp_path / "c", {**MODULE, "pyproject.toml": text})
    assert own_metadata.declared(read_project(checkout)) is None


class TestCopies:
    """What a build or a command of the repository writes or reads by way of its links."""

    def test_a_copy_to_build_in_has_no_link_that_leads_out(self, tmp_path: Path) -> None:
        checkout = write(
            tmp_path / "c", {**MODULE, "inner/x.py": "", b"\xff.txt".decode(errors="surrogateescape"): ""}
        )
        (checkout / "out").symlink_to(tmp_path)
        (checkout / "pyproject.toml").symlink_to("../gone.toml")
        (checkout / "in").symlink_to("inner")
        with pytest.raises(PlaygroundError):
            read_project(checkout)
        (checkout / "pyproject.toml").unlink()
        project = read_project(checkout)
        copy_checkout(project, tmp_path / "copy")
        assert not (tmp_path / "copy" / "out").is_symlink()
        assert (tmp_path / "copy" / "in" / "x.py").is_file()

    def test_what_was_generated_is_not_written_through_a_link(self, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside", {"x": ""})
        checkout = write(tmp_path / "c", MODULE)
        (checkout / "pkg").symlink_to(outside)
        generated = write(tmp_path / "generated", {"pkg/evil.py": ""})
        with pytest.raises(PlaygroundError, match="leads out of the repository"):
            preparing.copied(read_project(checkout), generated, tmp_path / "copy")
        assert not (outside / "evil.py").exists()

    def test_what_lies_outside_is_no_part_of_a_hash(self, tmp_path: Path) -> None:
        checkout = write(tmp_path / "c", {"lib/x.py": ""})
        outside = write(tmp_path / "outside", {"y": "1"})
        (checkout / "lib" / "y").symlink_to(outside / "y")
        (checkout / "lib" / "folder").symlink_to(outside)
        (checkout / "lib" / "loop").symlink_to("loop")
        before = tree_hash(checkout / "lib", checkout)
        write(outside, {"y": "2", "z": ""})
        assert tree_hash(checkout / "lib", checkout) == before

    def test_a_source_that_has_no_end_is_not_searched(self, tmp_path: Path) -> None:
        checkout = write(tmp_path / "c", {**MODULE, "defs.yaml": "\n" * 2_000_000})
        (checkout / "endless.py").symlink_to("/dev/zero")
        (checkout / "defs").mkdir()
        (checkout / "defs" / "component.yaml").symlink_to("/dev/zero")
        assert prepared_by_default.steps(read_project(checkout), "python", []) == []


def test_a_pod_tells_of_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = write(tmp_path / "c", MODULE)
    (checkout / "pyproject.toml").symlink_to("/dev/zero")
    monkeypatch.setattr(installing, "CHOSEN_ENVIRONMENT", str(tmp_path / "chosen"))
    monkeypatch.setattr(installing, "CHOSEN_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(installing, "MADE_ENVIRONMENTS", str(tmp_path / "made"))
    assert installing.main([str(checkout), "--release", "a-1"]) == EXIT_CERTAIN
    assert serving.main([str(checkout), "--", "-p", "4000"]) == EXIT_CERTAIN
    assert capsys.readouterr().out.count("is a link to `/dev/zero`") == 2


def test_an_environment_is_not_sought_for_what_can_t_be_read(tmp_path: Path) -> None:
    files: Files = {**MODULE, "pyproject.toml": '[project]\nname = "x"\n', "uv.lock": "package = [1]\n"}
    checkout = write(tmp_path / "c", files)
    with pytest.raises(PlaygroundError, match=r"file/uv.lock: `package\[0\]` is a number") as caught:
        Environments(tmp_path / "environments").find(read_project(checkout))
    assert caught.value.finding.rejects
