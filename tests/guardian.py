"""Ends a test's stack when the tests can't: a process that outlives them, however they die.

It holds the reading end of a pipe whose writing end only the tests have. When that closes (they are
done, or were killed) it brings the stack down and deletes its folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


class Guardian:
    def __init__(self, folder: Path, state: Path) -> None:
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(reading), str(folder), str(state)],
            pass_fds=(reading,),
            start_new_session=True,
            cwd=Path(__file__).parent.parent,
        )
        os.close(reading)

    def dismiss(self, timeout_seconds: float = 60.0) -> None:
        """Bring the stack down now, and wait until it is."""
        from tests.session.deadlines import stretched  # not where this file is a program of its own

        os.close(self._writing)
        self._process.wait(timeout=stretched(timeout_seconds))


def watch(reading: int, folder: Path, state: Path) -> None:
    while os.read(reading, 4096):
        pass
    from playground_ops.targets.local.control import Control, end_leftovers
    from playground_ops.targets.local.own_folder import runtime_folder

    if state.is_dir():
        try:
            Control(state).shutdown(grace_seconds=2.0)
        finally:
            end_leftovers(state)
            runtime_folder(state).unlink()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    watch(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
