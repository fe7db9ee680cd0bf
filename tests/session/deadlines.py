"""How long tests may wait: written for an idle machine of two cores, stretched by how slow this one is.

One factor for a complete session, measured when it starts: what bare imports of Dagster on two cores at once
take here, against what they take on the reference; a larger one where a worker makes way for the others
(timeouts.py). A deadline only ends a test that would fail, so none is ever shortened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from hypothesis import settings

from tests.session.outermost import is_outermost
from tests.session.timeouts import slower

VARIABLE = "PLAYGROUND_TEST_SLOWNESS"
AT_ONCE = 2
"""As many imports as workers are busy: a single one has room where a processor is lent to somebody else."""
REFERENCE_SECONDS = 1.2
"""Seconds for that many `python -c "import dagster"` on two idle cores, with bytecode compiled."""
MOST = 10.0
PURE = "tests/unit"


def pytest_configure(config: pytest.Config) -> None:
    """Measure the machine, and let Python keep its bytecode, here and in all that the tests start.

    With PYTHONDONTWRITEBYTECODE, as many images set it, each of a thousand processes compiles Dagster anew:
    2.7 s of a core in place of 1.1 s.
    """
    # Hypothesis's examples get no deadline: it would be 0.2 s of real time. This comes before any file with a
    # property is imported, which keeps the settings of that time.
    settings.register_profile("however slow", deadline=None)
    settings.load_profile("however slow")
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if is_outermost(config) and VARIABLE not in os.environ:
        pure = all(str(one).startswith(PURE) for one in config.args)
        os.environ[VARIABLE] = "1" if pure or config.option.collectonly else f"{measured():.2f}"
    os.environ[VARIABLE] = f"{slowness() * slower(config):.2f}"


def pytest_report_header() -> str:
    return f"deadlines are stretched by {slowness():g} (bare imports of dagster against their reference)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stretch the timeouts of pytest-timeout too."""
    ordinary = float(config.getini("timeout"))
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0]) if marker else ordinary
        item.add_marker(pytest.mark.timeout(stretched(seconds)), append=False)


def measured() -> float:
    """Return the better of two imports: the first one may have to read, and compile, files."""
    return min(MOST, max(1.0, min(_import_seconds() for _ in range(2)) / REFERENCE_SECONDS))


def _import_seconds() -> float:
    began, command = time.monotonic(), [sys.executable, "-c", "import dagster"]
    started = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(AT_ONCE)]
    ends = [one.wait() for one in started]
    if any(ends):
        raise pytest.UsageError("`import dagster` failed")
    return time.monotonic() - began


def slowness() -> float:
    """Return at least 1; also 1 where no session measured it."""
    return float(os.environ.get(VARIABLE, "1"))


def stretched(seconds: float) -> float:
    """Convert seconds for an idle machine to seconds for this one."""
    return seconds * slowness()
