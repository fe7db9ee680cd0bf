"""A run that did not end by itself gives its slots back: a real instance, and the work of its daemon."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events.log import EventLogEntry
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration

from playground_ops.config import read
from playground_ops.render import instance
from playground_ops.targets.common.instance import fail_runs
from playground_ops.targets.local.stack import instance_settings

POOL, STEP = "narrow", "a_step"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    settings = instance_settings(read("", Path("x.yaml")))
    del settings["run_launcher"]  # whoever reads the instance here launches nothing
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


@pytest.fixture
def there(home: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(home)) as found:
        found.event_log_storage.set_concurrency_slots(POOL, 1)
        yield found


def holding(there: DagsterInstance) -> str:
    """Return a run that is under way and has the pool's one slot."""
    run = there.add_run(DagsterRun("j", status=DagsterRunStatus.STARTED))
    add(there, run.run_id, DagsterEventType.RUN_START, time.time())
    assert claims(there, run.run_id)
    return run.run_id


def claims(there: DagsterInstance, run_id: str) -> bool:
    return there.event_log_storage.claim_concurrency_slot(POOL, run_id, STEP).is_claimed


def add(there: DagsterInstance, run_id: str, kind: DagsterEventType, when: float) -> None:
    event = DagsterEvent(event_type_value=kind.value, job_name="j")
    there.handle_new_event(EventLogEntry(None, "info", "", run_id, when, job_name="j", dagster_event=event))


def waiting(there: DagsterInstance) -> str:
    run = there.add_run(DagsterRun("j", status=DagsterRunStatus.STARTED))
    assert not claims(there, run.run_id)
    return run.run_id


def look(there: DagsterInstance) -> None:
    """Let Dagster's monitoring look once, as its daemon does at every turn."""
    assert there.run_monitoring_enabled
    process: Any = SimpleNamespace(instance=there)
    list(execute_concurrency_slots_iteration(process, logging.getLogger("test")))


def test_whoever_marks_a_lost_run_failed_frees_its_slot_at_once(home: Path, there: DagsterInstance) -> None:
    lost = holding(there)
    following = waiting(there)
    assert fail_runs(home, [lost], lambda run: "its server ended") == [f"run {lost} of j: its server ended"]
    assert claims(there, following)


@pytest.mark.parametrize(("seconds", "freed"), [(59, False), (61, True)])
def test_a_run_that_was_cancelled_keeps_its_slot_for_a_minute(
    there: DagsterInstance, seconds: float, freed: bool
) -> None:
    """Its process may be cleaning up, and what it cleans may be what the pool is for."""
    cancelled = holding(there)
    following = waiting(there)
    look(there)
    assert not claims(there, following), "it is under way"
    add(there, cancelled, DagsterEventType.RUN_CANCELED, time.time() - seconds)
    look(there)
    assert claims(there, following) is freed


@pytest.mark.parametrize("text", ["", "run_launcher: kubernetes"])
def test_every_instance_on_kubernetes_has_it_too(text: str) -> None:
    settings = instance.settings(read(text, Path("x.yaml")))
    told = settings["run_monitoring"]
    assert (told["enabled"], told["free_slots_after_run_end_seconds"]) == (True, 60)
    assert settings["run_retries"]["enabled"] is True
