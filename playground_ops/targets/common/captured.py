"""What runs print, as Dagster's LocalComputeLogManager keeps it: `RUN_ID/compute_logs/` and files of steps.

Code of locations can write in these folders: no link is followed, and what is no regular file is left.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from playground_ops.targets.common.instance import opened

RECENT_SECONDS = 3600.0
"""How long after its end a run is still looked at."""
MOST_RUNS, MOST_FILES = 500, 10_000
"""How many are looked at, at once and of a run."""
CAPTURED = "compute_logs"
MARK = "\n[cut here: {size} bytes of what this run prints are kept; what follows was printed later]\n"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
_BLOCK = 512


class _File(NamedTuple):
    name: str
    on_disk: int


def cut_runs(dagster_home: Path, base: Path, most: int) -> list[str]:
    """Cut what runs in flight, and those that just ended, have printed to `most` bytes a run.

    `base`: the folder of the manager; where there is none, nothing is cut. Returns a sentence for each run,
    which its own page has too. Raises PlaygroundError when the database does not answer.
    """
    from dagster import DagsterRunStatus, RunsFilter

    if not base.is_dir():
        return []
    since = datetime.fromtimestamp(time.time() - RECENT_SECONDS, timezone.utc)
    running = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    asked = [RunsFilter(statuses=running), RunsFilter(updated_after=since)]
    told = []
    with opened(dagster_home) as instance:
        runs = {run.run_id: run for one in asked for run in instance.get_runs(one, limit=MOST_RUNS)}
        for run_id, run in runs.items():
            if before := cut(base, run_id, most):
                said = (
                    f"What it prints was cut: it had {before} bytes, and {most} are kept (`run_log_limit`)."
                )
                instance.report_engine_event(said, run)
                told.append(f"run {run_id} of {run.job_name}: {said}")
    return told


def cut(base: Path, run_id: str, most: int) -> int:
    """Cut each file of the run to its part of `most` bytes. Returns what they took, 0 where that was less.

    The beginning is kept: Dagster appends, so what is printed later stands behind the mark until the next.
    """
    with suppress(OSError), _opened(base / run_id, None) as of_run, _opened(CAPTURED, of_run) as folder:
        files = list(_files(folder))
        before = sum(one.on_disk for one in files)
        if before <= most:
            return 0
        part = most // len(files)
        for one in files:
            if one.on_disk > part:
                _cut(folder, one.name, part)
        return before
    return 0


def _files(folder: int) -> Iterator[_File]:
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= MOST_FILES:
                return
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                yield _File(entry.name, found.st_blocks * _BLOCK)


def _cut(folder: int, name: str, size: int) -> None:
    with suppress(OSError):  # it was removed, or replaced by a link
        descriptor = os.open(name, _FILE, dir_fd=folder)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                mark = MARK.format(size=size).encode()
                os.truncate(descriptor, max(size - len(mark), 0))
                os.pwrite(descriptor, mark, max(size - len(mark), 0))
        finally:
            os.close(descriptor)


@contextmanager
def _opened(path: Path | str, folder: int | None) -> Iterator[int]:
    descriptor = os.open(path, _FOLDER, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
