from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.targets.local.control import Control, end_leftovers, ensure_supervisor
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.packages.environments import Environments
from tests.local.installs import wheel
from tests.local.own_packages import write
from tests.local.supervised import guarded
from tests.local.watched_index import PASSWORD, USER, Watched, watched


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pg-supervised-")).resolve()
    with guarded(folder):
        yield folder


@pytest.fixture
def state(base: Path) -> Iterator[Path]:
    """The state folder of a stack that ends with the test."""
    folder = Path(tempfile.mkdtemp(dir=base)) / "state"
    folder.mkdir()
    yield folder
    if folder.is_dir():
        Control(folder).shutdown(0.1)
        end_leftovers(folder)
        runtime_folder(folder).unlink()


@pytest.fixture
def supervisor(state: Path) -> Control:
    return ensure_supervisor(state)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The configured index, with its credentials, as a pod has them, and nothing that is kept from before."""
    wheel(tmp_path / "index", "dagster", "1.13.0")
    wheel(tmp_path / "index", "greeter", "1.0")
    with watched(tmp_path / "index", login=True) as found:
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url.replace("//", f"//{USER}:{PASSWORD}@"))
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("UV_NO_CONFIG", "1")
        yield found


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Watched]:
    """A server of the attacker's, which asks for a login to be given one."""
    wheel(tmp_path / "elsewhere", "greeter", "1.0", {"stolen.py": ""})
    with watched(tmp_path / "elsewhere") as found:
        yield found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write(tmp_path / "checkout" / "playground" / "definitions.py", "")
    return tmp_path / "checkout"


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")
