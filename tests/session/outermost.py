"""Which process of a session this is: the one that a person started, or a worker of it."""

from __future__ import annotations

import pytest


def is_outermost(config: pytest.Config) -> bool:
    """True in the process that outlives the workers of pytest-xdist, and where there are none."""
    return not hasattr(config, "workerinput")
