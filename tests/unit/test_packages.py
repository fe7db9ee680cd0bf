"""The container that installs packages in a cluster: whom it trusts, its settings, what it keeps."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playground_ops.config import read
from playground_ops.core.errors import BadInput, FindingKind, PlaygroundError
from playground_ops.core.model import Dependencies, Location, Release, Revision
from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import INSTALLS, Collected, assess
from playground_ops.render import packages, release
from playground_ops.render.gitsync import InUse
from playground_ops.targets.common.declared import Selection
from playground_ops.targets.kubernetes.inside.index_credentials import credentials
from playground_ops.targets.kubernetes.inside.installing import UV, asked, obtain_uv, own_folder
from playground_ops.targets.kubernetes.inside.serving import own_environment
from playground_ops.targets.packages.indexes import configured
from playground_ops.targets.packages.keeping import Keeping
from playground_ops.targets.packages.sealed import seal
from playground_ops.targets.packages.uv import explain

ROOT = Path(__file__).parents[2]
INDEX = "kubernetes: {packages: {index_url: 'https://pypi.internal/simple', secret: index}}"


def made(
    dependencies: Dependencies, number: int = 1, repository: str | None = "https://git.test/x"
) -> Release:
    return Release(
        location=Location(name="a", repository=repository, dependencies=dependencies),
        number=number,
        revision=Revision(repository=repository, commit="0" * 40),
        configuration="c",
        created_at="2026-01-01T00:00:00.000+00:00",
    )


def init_containers(found: Release, live: tuple[Release, ...] = ()) -> list[str]:
    deployment = release.render(found, read(INDEX, Path("x.yaml")), "archive", InUse(live))[0]
    return [one["name"] for one in deployment["spec"]["template"]["spec"].get("initContainers", ())]


def test_who_shares_the_image_s_packages_has_no_init_container_for_them() -> None:
    assert init_containers(made(Dependencies.SHARED)) == ["git-sync"]
    assert init_containers(made(Dependencies.AUTO)) == ["git-sync", INSTALLS]
    assert init_containers(made(Dependencies.AUTO, repository=None)) == []


def test_what_else_there_is_is_told_and_makes_no_other_surroundings() -> None:
    alone = packages.installing(made(Dependencies.AUTO), read(INDEX, Path("x")), "archive", "/w", ())
    beside = packages.installing(
        *(made(Dependencies.AUTO, 3), read(INDEX, Path("x")), "archive", "/w"),
        (made(Dependencies.AUTO, 2), made(Dependencies.SHARED, 1)),
    )
    told = {one["name"]: one["value"] for one in beside.container["env"]}
    assert (told[packages.LIVE], told[packages.LIVE_AS_OF]) == ("a-1 a-2", "2026-01-01T00:00:00.000+00:00")
    assert packages.LIVE not in {one["name"] for one in alone.container["env"]}


def test_what_a_location_chooses_reaches_the_container_and_nothing_else_does() -> None:
    plain = made(Dependencies.AUTO)
    chosen = {"dependencies_from": "../lock/run.txt", "extras": ("fast", "db"), "groups": ("run",)}
    release = plain.model_copy(update={"location": plain.location.model_copy(update=chosen)})
    told = [packages.installing(one, read(INDEX, Path("x")), "archive", "/w", ()) for one in (plain, release)]
    before, after = (one.container["args"] for one in told)
    assert asked(before)[1] == Selection()
    assert asked(after)[1] == Selection("../lock/run.txt", ("fast", "db"), ("run",))
    assert [one for one in after if one in before] == before


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:secret@pypi.internal/simple",
        "https://token@pypi.internal/simple",
        "https://pypi.internal/simple?token=secret",
        "ftp://pypi.internal/simple",
        "pypi.internal/simple",
        "https://pypi.internal:port/simple",
    ],
)
def test_an_index_that_is_none_or_has_a_password_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match=r"packages\.index_url") as refused:
        read(f"kubernetes: {{packages: {{index_url: '{url}'}}}}", Path("x.yaml"))
    assert "secret@" not in str(refused.value)
    assert "=secret" not in str(refused.value)


def test_one_secret_for_the_index_and_for_git_is_refused() -> None:
    a = "code_locations: [{name: a, repo: {url: 'https://git.test/x', secret: index}}]"
    with pytest.raises(BadInput, match=r"packages\.secret"):
        read(f"{INDEX}\n{a}", Path("x.yaml"))


def test_credentials_are_for_what_is_called_and_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://pypi.internal/simple")
    monkeypatch.setenv("UV_INDEX", "more=https://more.internal/simple https://third.internal/simple")
    for key, text in {"username": "ada\n", "password": "correct\n", "UV_NO_BUILD": "1", "PATH": "x"}.items():
        (tmp_path / key).write_text(text)
    before = dict(os.environ)
    with credentials(tmp_path):
        assert os.environ["UV_DEFAULT_INDEX"] == "https://ada:correct@pypi.internal/simple"
        others = "https://ada:correct@more.internal/simple https://ada:correct@third.internal/simple"
        assert os.environ["UV_INDEX"] == os.environ["PIP_EXTRA_INDEX_URL"] == others
        assert os.environ["PIP_INDEX_URL"] == os.environ["UV_DEFAULT_INDEX"]
        assert os.environ["NETRC"] == os.devnull, "which would give them to every port of those hosts"
        assert os.environ["UV_NO_BUILD"] == "1"
        assert os.environ["PATH"] == before["PATH"], "variables of uv, and no others"
    assert dict(os.environ) == before


def test_a_netrc_is_for_the_hosts_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine a.test login x password y\ndefault login ada password correct\n")
    with credentials(tmp_path):
        netrc = Path(os.environ["NETRC"])
        assert netrc.read_text() == "machine a.test login x password y\n"
        assert netrc.stat().st_mode & 0o077 == 0
        assert configured(os.environ, public="").hosts == {"a.test"}
    assert not netrc.exists()


def test_a_folder_of_environments_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    nobody = os.getuid() + 1
    folder = own_folder(tmp_path / ".environments", nobody)
    assert own_folder(folder, nobody) == folder
    folder.chmod(0o777)
    assert own_folder(folder, os.getuid()) == folder, "as the kubelet makes it"
    with pytest.raises(PlaygroundError, match="others can write to it") as refused:
        own_folder(folder, nobody)
    assert refused.value.finding.kind is FindingKind.CERTAIN
    folder.chmod(0o755)
    (tmp_path / "link").symlink_to(folder)
    for kubelet in (nobody, os.getuid()):
        with pytest.raises(PlaygroundError, match="others can write to it"):
            own_folder(tmp_path / "link", kubelet)


def test_a_server_looks_once_more(tmp_path: Path) -> None:
    chosen, folder = tmp_path / "environment", tmp_path / "environments"
    (folder / "0123" / "lib").mkdir(parents=True)
    (folder / "0123" / "lib" / "one.py").write_text("ONE = 1")
    assert own_environment(chosen, folder) is None, "the image's packages are meant"
    chosen.write_text(f"0123 {seal(folder / '0123')}")
    assert own_environment(chosen, folder, os.getuid()) == folder / "0123"
    with pytest.raises(PlaygroundError, match="belongs to somebody else"):
        own_environment(chosen, folder, os.getuid() + 1)


def _another_file(place: Path) -> None:
    (place / "lib" / "more.py").touch()


def _other_content(place: Path) -> None:
    (place / "lib" / "one.py").write_text("ONE = 22")


def _a_link_for_the_folder(place: Path) -> None:
    place.rename(place.with_name("away"))
    place.symlink_to("away")


def _a_link_for_a_file(place: Path) -> None:
    (place / "lib" / "one.py").unlink()
    (place / "lib" / "one.py").symlink_to("two.py")


def _writable_by_others(place: Path) -> None:
    place.chmod(0o777)


def _gone(place: Path) -> None:
    place.rename(place.with_name("away"))


@pytest.mark.parametrize(
    "change",
    [_another_file, _other_content, _a_link_for_the_folder, _a_link_for_a_file, _writable_by_others, _gone],
)
def test_a_server_takes_no_environment_that_is_not_as_it_was_made(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    chosen, folder = tmp_path / "environment", tmp_path / "environments"
    (folder / "0123" / "lib" / "__pycache__").mkdir(parents=True)
    (folder / "0123" / "lib" / "one.py").write_text("ONE = 1")
    chosen.write_text(f"0123 {seal(folder / '0123')}")
    (folder / "0123" / "lib" / "__pycache__" / "one.pyc").touch()
    assert own_environment(chosen, folder, os.getuid()) == folder / "0123", "Python compiles it later"
    change(folder / "0123")
    with pytest.raises(PlaygroundError, match="it is not what was made"):
        own_environment(chosen, folder, os.getuid())


def test_notes_of_releases_that_are_gone_are_dropped_but_none_that_a_late_pod_does_not_know(
    tmp_path: Path,
) -> None:
    keeping = Keeping(tmp_path)
    for name, key, when in (("a-1", "old", 1e6), ("a-2", "now", 1e6), ("b-1", "new", 3e6)):
        keeping.note(name, key)
        os.utime(tmp_path / ".releases" / name, (when, when))
    assert keeping.keys({"a-2"}, as_of=2e6) == {"now", "new"}
    assert keeping.keys({"a-2", "b-1"}, as_of=4e6) == {"now", "new"}
    assert keeping.keys({"b-1"}, as_of=4e6) == {"new"}


def test_the_cache_goes_with_an_environment_and_never_while_somebody_installs(tmp_path: Path) -> None:
    keeping, said = Keeping(tmp_path), list[str]()
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "greeter").touch()
    keeping.tidy([], said.append)
    with keeping.cache():
        assert not (tmp_path / ".cache" / "greeter").exists(), "of before, under the name of an index"
        (tmp_path / ".cache" / "greeter").touch()
    with keeping.cache():
        keeping.tidy(["0123"], said.append)
        assert (tmp_path / ".cache" / "greeter").exists()
    keeping.tidy(["0123"], said.append)
    assert not (tmp_path / ".cache").exists()
    assert len(said) == 2


def test_uv_is_the_version_that_the_tests_run_on() -> None:
    assert f"uv=={UV}" in re.findall(r"^uv==\S+", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_a_uv_that_can_t_be_had_is_not_held_against_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found for uv' >&2; exit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    (tmp_path / "playground").mkdir()
    (tmp_path / "playground" / "definitions.py").touch()
    with pytest.raises(PlaygroundError, match="can't be had from the package index") as failed:
        obtain_uv("environment/.", print, tmp_path / "uv")
    assert failed.value.finding.kind is FindingKind.TRANSIENT
    python.write_text("#!/bin/sh\necho 'python: No module named pip' >&2; exit 1\n")
    with pytest.raises(PlaygroundError, match="neither uv nor pip"):
        obtain_uv("environment/.", print, tmp_path / "uv")


def test_a_wait_for_packages_says_so_and_has_the_time_of_the_whole_start() -> None:
    running = {"name": INSTALLS, "state": {"running": {}}}
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    status = {**scheduled, "initContainerStatuses": [running]}
    seen = assess(Collected(Pod.read({"metadata": {"name": "x"}, "status": status})))
    assert "installing packages" in seen.message
    assert seen.finding is None, "what is transient has less time"


def test_a_rollout_tells_which_file_the_packages_come_from() -> None:
    told = "Its packages are those of `uv.lock`, which pins them. Not taken: `x.txt` (it gives ranges)."
    done = {"name": INSTALLS, "state": {"terminated": {"exitCode": 0, "message": told}}}
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    server = {"name": "dagster-grpc", "state": {"running": {}}}
    status = {**scheduled, "initContainerStatuses": [done], "containerStatuses": [server]}
    seen = assess(Collected(Pod.read({"metadata": {"name": "x"}, "status": status})))
    assert seen.message == f"the pod waits for its first successful probe. {told}"
    assert seen.finding is None


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (
            "error: Failed to download `pytz==2026.6`\n  cause: Failed to fetch: http://x/pytz.whl\n"
            "  cause: HTTP status client error (404 Not Found) for url (http://x/pytz.whl)",
            FindingKind.CERTAIN,
            "A package is not on its index: pytz==2026.6.",
        ),
        (
            "error: Failed to download `http://x/files/greeter-3.0-py3-none-any.whl` to compute missing "
            "hashes\n"
            "  cause: HTTP status client error (404 Not Found) for url (http://x/greeter.whl)",
            FindingKind.CERTAIN,
            "A package is not on its index: greeter==3.0.",
        ),
        (
            "error: No solution found when resolving dependencies\n  cause: Because nosuch was not found in "
            "the package registry and you require nosuch, we can conclude that",
            FindingKind.CERTAIN,
            "Its dependencies can't be resolved: nosuch.",
        ),
    ],
)
def test_what_uv_says_is_named_with_the_package(words: str, kind: FindingKind, told: str) -> None:
    found = explain("environment/.", words)
    assert (found.kind, found.observed) == (kind, told)
