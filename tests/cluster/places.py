"""The cluster's folders: what is built stays, what a running cluster needs is removed with it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
MOST = 16
SPREAD = (0, 8, 4, 12)
"""Distances of the workers' clusters from the session's own one."""
OF_WORKER = "PLAYGROUND_CLUSTER_OF_WORKER"
KEPT = 4
"""Versions of one thing in the cache."""


def cache() -> Path:
    """Return the cache, by the XDG base directory specification, outside any clone."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).resolve() / "playground-ops" / "cluster"


def instance() -> int:
    """Return which of up to 16 clusters side by side this is: PLAYGROUND_CLUSTER, 0 by default."""
    number = int(os.environ.get("PLAYGROUND_CLUSTER", "0"))
    if not 0 <= number < MOST:
        raise ValueError(f"PLAYGROUND_CLUSTER is {number}: expected 0 to 15")
    return number


def choose_instance() -> None:
    """Give a worker of a parallel session its own cluster: no test waits for one that breaks another's.

    Processes that a worker starts get the same one.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or os.environ.get(OF_WORKER) == worker:
        return
    apart = SPREAD[int(worker.removeprefix("gw")) % len(SPREAD)]
    os.environ["PLAYGROUND_CLUSTER"] = str((instance() + apart) % MOST)
    os.environ[OF_WORKER] = worker


def run_folders() -> list[Path]:
    """Return the folders of all clusters of this machine that are up, or were and not ended."""
    return sorted(cache().glob("run[0-9]*"))


def run_folder() -> Path:
    """Return the folder with the state of the running cluster: `down` deletes it."""
    return cache() / f"run{instance()}"


def store_folder(node: str) -> Path:
    """Return the folder with images of a node. They stay."""
    return cache() / f"stores{instance()}" / node


def key_of(*parts: str | bytes) -> str:
    """Return a short name for content."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def key_of_files(folder: Path, files: Iterable[Path], *parts: str) -> str:
    told = [text for path in sorted(files) for text in (str(path.relative_to(folder)), path.read_bytes())]
    return key_of(*told, *parts)


@contextmanager
def locked(name: str, shared: bool = False) -> Iterator[None]:
    """Lock for one process of this machine, or many that share. The kernel frees a dead holder's lock."""
    path = cache() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def cached(kind: str, name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder or file `kind`/`name`-`key`, made once: complete, or absent.

    The newest few of the same name stay, for clones of other commits; older ones are deleted.
    """
    place = cache() / kind / f"{name}-{key}"
    if place.exists():
        return place
    with locked(f"{kind}-{name}"):
        if place.exists():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        half_made = place.parent.glob(f".{name}-*")  # by a process that was killed
        older = sorted(place.parent.glob(f"{name}-{'?' * 16}"), key=lambda found: -found.stat().st_mtime)
        for old in [*older[KEPT - 1 :], *half_made]:
            remove(old)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place.parent))
        try:
            fresh = work / "made"
            make(fresh)
            fresh.rename(place)
        finally:
            remove(work)
    return place


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
