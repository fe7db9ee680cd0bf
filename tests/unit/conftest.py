"""Fixtures: the Dagster shell over the fake target."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.schedules import SqliteScheduleStorage

from tests.openers import FakeOpener, an_opener


@pytest.fixture
def opener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeOpener:
    file = tmp_path / "configvalues.yaml"
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(file))
    return an_opener(file)


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    """An instance in memory: on a disk each run gets a database file, which costs more than most tests.

    Schedules are on a disk: Dagster has no storage in memory for them, and reports that only when it is used.
    """
    made = dg.DagsterInstance.ephemeral(str(tmp_path))
    storage = SqliteScheduleStorage.from_local(str(tmp_path / "schedules"))
    storage.register_instance(made)
    made._schedule_storage = storage
    return made
