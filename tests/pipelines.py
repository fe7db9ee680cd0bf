"""A small pipeline in a git repository, and the ways in which a commit of it can be bad."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.projects import commit_all, git, repository

DEFINITIONS = """\
import dagster as dg


@dg.asset
def {asset}() -> None: ...


@dg.op(config_schema={{"seconds": float, "until": dg.Field(str, default_value="")}})
def wait(context: dg.OpExecutionContext) -> None:
    import os
    import time

    time.sleep(context.op_config["seconds"])
    while (file := context.op_config["until"]) and not os.path.exists(file):
        time.sleep(0.1)


@dg.job
def waiting() -> None:
    wait()


@dg.schedule(cron_schedule="* * * * *", job=waiting, default_status=dg.DefaultScheduleStatus.RUNNING)
def every_minute() -> dg.RunRequest:
    return dg.RunRequest(run_config={{"ops": {{"wait": {{"config": {{"seconds": 0}}}}}}}})


defs = dg.Definitions(assets=[{asset}], jobs=[waiting], schedules=[every_minute])
"""

IMPORT_ERROR = "from os import there_is_no_such_name\n"
NO_MODULE = "import a_package_that_nobody_installed\n"
SYNTAX_ERROR = "def broken(:\n    pass\n"
INVALID = """\
import dagster as dg

@dg.asset
def twice() -> None: ...

other = dg.AssetSpec("twice")
defs = dg.Definitions(assets=[twice, other])
"""
RAISES = 'raise RuntimeError("the price list has no column vat")\n'
HANGS = "import time\ntime.sleep(600)\n"
NO_DEFINITIONS = "x = 1\n"
DIES_SOON = (
    DEFINITIONS
    + """

def _die():
    import os, pathlib, time
    # Ends the server as soon as the location's address leads to it.
    me = f"{{os.environ['PLAYGROUND_LOCATION']}}-{{os.environ['PLAYGROUND_RELEASE']}}.sock"
    run = pathlib.Path(os.environ["PLAYGROUND_TEST_RUN"])
    link = run / f"{{os.environ['PLAYGROUND_LOCATION']}}.location.sock"
    while not (link.is_symlink() and os.readlink(link).endswith(me)):
        time.sleep(0.01)
    os._exit(3)

import sys
if "grpc" in sys.argv:
    import threading
    threading.Thread(target=_die, daemon=True).start()
"""
)


@dataclass(frozen=True)
class Pipeline:
    """A repository whose module `pipeline` is what Dagster loads."""

    folder: Path

    @property
    def location(self) -> dict[str, object]:
        """Return its section of a configuration."""
        return {
            "repo": {"url": str(self.folder), "ref": "main"},
            "module": "pipeline",
            "dependencies": "shared",
        }

    def commit(self, asset: str, message: str | None = None) -> str:
        """Make a good commit that defines this asset. Returns its hash."""
        return self.commit_text(DEFINITIONS.format(asset=asset), message or f"Define {asset}")

    def commit_text(self, text: str, message: str) -> str:
        (self.folder / "pipeline.py").write_text(text)
        return commit_all(self.folder, message)

    def rewrite(self, asset: str) -> str:
        """Replace the history by one commit, as after a forced push: what was there before is gone."""
        git(self.folder, "checkout", "--quiet", "--orphan", "other")
        made = self.commit(asset)
        git(self.folder, "branch", "--quiet", "--move", "--force", "main")
        git(self.folder, "reflog", "expire", "--expire=now", "--all")
        git(self.folder, "gc", "--quiet", "--prune=now")
        return made


def pipeline(folder: Path) -> Pipeline:
    return Pipeline(repository(folder))


def of_worker(folders: pytest.TempPathFactory) -> Pipeline:
    """Return the same pipeline for all files of a worker, which so share what is deployed."""
    return pipeline(folders.getbasetemp() / "pipeline")
