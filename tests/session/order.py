"""Runs the longest files first: the last one to begin must not be the one that everybody waits for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SECONDS = Path(__file__).with_name("seconds.json")
"""The seconds that each file took, written by `--save-times`."""
UNKNOWN = 60.0
"""A new file is begun early rather than late."""


def recorded() -> dict[str, float]:
    found: dict[str, float] = json.loads(SECONDS.read_text()) if SECONDS.exists() else {}
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort alike in all workers. Within a file the order stays."""
    took = recorded()
    items.sort(key=lambda item: -took.get(file_of(item.nodeid), UNKNOWN))


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
