"""`ops` whose repository pins a version: its pod and its Jobs, and how its code is got, kept and found."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import OPS, Configuration, read
from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.model import Release, Revision
from playground_ops.render import packages
from playground_ops.render.jobs import OWN_CODE, Command, remote_job
from playground_ops.render.release import any_release, context_of_runs, render
from playground_ops.targets.kubernetes.inside import own_code
from playground_ops.targets.kubernetes.inside.obtaining import Commit, obtain
from playground_ops.targets.kubernetes.inside.own_code import Places, code_of, key, loading, version_of
from playground_ops.targets.kubernetes.outside import ops_pod
from playground_ops.version import __version__
from tests.cluster.packageindex import own_wheel, package_index
from tests.unit.test_own_version import LOCK, repository, wanting

ROOT = Path(__file__).parents[2]
FROM_GIT = "ops: {repo: {url: 'https://git.internal/stack', ref: main}}\ncode_locations: []"


def configuration(text: str = FROM_GIT) -> Configuration:
    return read(text, Path("/srv/stack/configvalues.yaml"))


def of_ops(found: Configuration) -> Release:
    return any_release(found.ops)


def test_a_pod_of_ops_from_git_may_get_another_version_and_sees_what_is_kept() -> None:
    found = configuration()
    spec = render(of_ops(found), found, "dagster-code-x")[0]["spec"]["template"]["spec"]
    _, getting = spec["initContainers"]
    assert getting["command"] == list(packages.COMMAND), "the one that an admission policy knows"
    assert getting["args"] == [
        *(f"/opt/dagster/app/repo/.worktrees/{'0' * 40}", "--subdirectory", ".", "--own-code"),
        *("--release", "ops-1"),
    ]
    (main,) = spec["containers"]
    kept = [one for one in main["volumeMounts"] if one["mountPath"] == "/opt/dagster/environments"]
    assert [(one["subPath"], one["readOnly"]) for one in kept] == [(".environments", True)]
    assert "--own-code" in main["args"]
    assert "--own-code" in context_of_runs(of_ops(found), found, "dagster-code-x")


def test_the_pod_of_ops_from_an_archive_is_as_it_was() -> None:
    found = configuration("code_locations: []")
    spec = render(
        Release(
            location=OPS,
            number=1,
            revision=Revision(repository=None, commit="content-x"),
            configuration="",
            created_at="",
        ),
        found,
        "dagster-code-x",
    )[0]["spec"]["template"]["spec"]
    assert "initContainers" not in spec
    assert "own-code" not in str(spec)


def test_a_job_has_the_archive_of_the_release_and_what_is_kept() -> None:
    found = configuration()
    job = remote_job(found, "j", "dagster-code-of-it", Command(("health",), "ada"), of_ops(found))
    spec = job["spec"]["template"]["spec"]
    (main,) = spec["containers"]
    assert {"name": "source", "configMap": {"name": "dagster-code-of-it"}} in spec["volumes"]
    assert "/opt/dagster/environments" in [one["mountPath"] for one in main["volumeMounts"]]
    assert not any(one["name"] == "PLAYGROUND_PROJECT" for one in main["env"]), "the script sets it"
    assert main["args"][:4] == ["sh", "-ec", OWN_CODE, f"/opt/dagster/app/repo/.worktrees/{'0' * 40}"]


def test_a_job_s_script_takes_the_code_of_a_clone_from_the_clone(tmp_path: Path) -> None:
    (tmp_path / "in" / "playground_ops").mkdir(parents=True)
    words = ["sh", "-ec", OWN_CODE, str(tmp_path), "in", "sh", "-c", "echo $PYTHONPATH $PLAYGROUND_PROJECT"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert told == [f"{tmp_path}/in"] * 2


def test_what_is_executed_in_its_pod_has_the_code_that_serves(tmp_path: Path) -> None:
    for first, wanted in (("there", "there"), ("not", "else")):
        (tmp_path / "there" / "playground_ops").mkdir(parents=True, exist_ok=True)
        words = [*ops_pod.TOGETHER, str(tmp_path / first), "else", "sh", "-c", "echo $PYTHONPATH"]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert told.strip().endswith(wanted)


@contextmanager
def reachable() -> Iterator[None]:
    yield


@contextmanager
def nobody() -> Iterator[None]:
    raise AssertionError("the package index was asked")
    yield


class World:
    """A checkout, the folder of what is kept, and an index with wheels of this program."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.kept, self.wheels = folder / ("c" * 40), folder / "kept", folder / "wheels"
        for one in (self.checkout, self.kept):
            one.mkdir()
        self.kept.chmod(0o755)

    def pin(self, version: str, lock: str = "") -> None:
        repository(self.checkout, pyproject_toml=wanting(f"playground-ops=={version}"))
        (self.checkout / "uv.lock").write_text(lock)

    def obtain(self, ready: Any = reachable) -> str:
        return obtain(Commit(self.checkout, ".", "ops-1"), self.kept, ready, print)

    def code(self) -> Path:
        return code_of(self.checkout, ".", Places(self.checkout / "no-archive", self.kept, os.getuid()))

    def refused(self) -> PlaygroundError:
        with pytest.raises(PlaygroundError) as found:
            self.obtain()
        return found.value


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    for package in ("playground_ops", "playground"):
        (tmp_path / "project" / package).mkdir(parents=True)
        (tmp_path / "project" / package / "context.py").write_text(
            "STANDS_FOR = 'the code of this program'\n"
        )
    own_wheel(made.wheels, tmp_path / "project", "9.0.1")
    own_wheel(made.wheels, tmp_path / "project", "9.0.3", "dagster>=1.99")
    with package_index(made.wheels, host="127.0.0.1") as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield made


def test_the_version_of_the_archive_is_not_asked_for(world: World) -> None:
    world.pin(__version__)
    assert world.obtain(nobody) == f"Its code is playground-ops {__version__}, which `pyproject.toml` pins."
    assert code_of(world.checkout, ".", Places(ROOT, world.kept, 0)) == ROOT


def test_another_version_is_got_once_and_found_without_the_index(world: World) -> None:
    world.pin("9.0.1")
    assert "playground-ops 9.0.1" in world.obtain()
    code = world.code()
    assert version_of(code) == "9.0.1"
    assert list(code.glob("playground_ops/__pycache__/version.*.pyc")), "compiled, for who can't write there"
    assert [one.read_text() for one in (world.kept / ".releases").iterdir()] == [code.name]
    world.obtain(nobody)

    (prepared := world.checkout.parent / "prepared").mkdir()
    link = loading(world.checkout, code, prepared)
    assert (link.name, version_of(link)) == ("c" * 40, "9.0.1"), "it names the commit"


def test_what_was_changed_on_the_claim_is_not_run_and_is_got_again(world: World) -> None:
    world.pin("9.0.1")
    world.obtain()
    (world.code() / "playground_ops" / "context.py").write_text("")
    with pytest.raises(PlaygroundError, match="is not what was made"):
        world.code()
    world.obtain()
    assert world.code()


def test_a_version_that_is_not_there_or_does_not_fit_is_told(world: World) -> None:
    world.pin("9.0.2")
    found = world.refused().finding
    assert found.kind is FindingKind.CERTAIN
    assert found.observed == "Version 9.0.2, which pyproject.toml pins, is not on the package index."
    world.pin("9.0.3")
    assert "it wants dagster>=1.99, and the image has 1." in world.refused().finding.observed


def test_a_wheel_that_was_not_locked_is_refused(world: World) -> None:
    source = 'registry = "https://index.test/simple"'
    world.pin("9.0.1", LOCK.format(version="9.0.1", source=source, hash="sha256:" + "a" * 64))
    found = world.refused().finding
    assert found.kind is FindingKind.CERTAIN
    assert "is not the one that was locked" in found.observed


def test_an_index_that_is_away_is_not_held_against_the_commit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    world.pin("9.0.1")
    assert world.refused().finding.kind is FindingKind.TRANSIENT


def test_a_clone_of_this_project_needs_nothing(world: World) -> None:
    (world.checkout / "playground_ops").mkdir()
    assert world.obtain(nobody) == ""
    assert world.code() == world.checkout


def test_what_is_not_kept_any_more_is_told(world: World) -> None:
    world.pin("9.0.1")
    with pytest.raises(PlaygroundError, match="is not kept in the cluster"):
        world.code()


def test_a_job_prints_the_folder_or_the_finding(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own_code, "IN_A_POD", None)
    (world.checkout / "playground_ops").mkdir()
    assert own_code.main([str(world.checkout), "."]) == 0
    assert capsys.readouterr().out == f"{world.checkout}\n"
    (world.checkout / "playground_ops").rmdir()
    assert own_code.main([str(world.checkout), "."]) == own_code.EXIT_CERTAIN
    assert "project.dependencies" in capsys.readouterr().out
    assert key(own_code.Pin("1", "x", ("sha256:a",))) != key(own_code.Pin("1", "x"))
