"""Which process of a session this is: the one that a person started, or a worker of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


def is_outermost(config: pytest.Config) -> bool:
    """Return True in the process that outlives the workers of pytest-xdist, and where there are none."""
    return not hasattr(config, "workerinput")


def share_file(config: pytest.Config, variable: str) -> None:
    """Make an empty file for all processes of the session, named by the environment variable."""
    if is_outermost(config) and variable not in os.environ:
        descriptor, os.environ[variable] = tempfile.mkstemp(prefix="pgtest-")
        os.close(descriptor)
        config.add_cleanup(lambda: Path(os.environ.pop(variable)).unlink(missing_ok=True))
