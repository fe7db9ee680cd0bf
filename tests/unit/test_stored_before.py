"""What the version before this one stored is read by this one: no release, record or mark is lost.

The files in `recorded/before` are from a real stack that it made: four releases; the third was rejected.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from playground_ops.core import decisions
from playground_ops.core.model import Outcome, ReleaseState, RolloutRecord
from playground_ops.targets.local.processes import read_spec, runtime_folder
from playground_ops.targets.local.stack import read_applied
from playground_ops.targets.local.target import LocalTarget

ROOT = Path(__file__).parents[2]
BEFORE = Path(__file__).parent / "recorded" / "before"
OUTCOMES = {1: Outcome.DONE, 2: Outcome.DONE, 3: Outcome.FAILED, 4: Outcome.DONE}


@pytest.fixture
def local(tmp_path: Path) -> LocalTarget:
    state = tmp_path / "state"
    shutil.copytree(BEFORE / "local", state)
    runtime = runtime_folder(state)
    (runtime / "a.location.sock").symlink_to("a-4.sock")
    return LocalTarget(state, ROOT)


def outcomes(records: list[RolloutRecord]) -> dict[int, Outcome | None]:
    return {one.release.number: one.outcome for one in records if one.release}


def test_a_local_stack_has_its_releases_and_records(local: LocalTarget) -> None:
    found = {one.release.number: one.state for one in local.releases("a")}
    assert found == {2: ReleaseState.RETIRED, 4: ReleaseState.SERVING}
    records = list(local.records("a"))
    assert outcomes(records) == OUTCOMES
    rejected = next(one for one in records if one.outcome is Outcome.FAILED)
    assert rejected.revision is not None
    assert decisions.rejection(records, rejected.revision.commit, rejected.configuration) is not None
    serving = decisions.serving(local.releases("a"))
    assert serving is not None
    back = decisions.rollback_choice(records, serving.release)
    assert back is not None and back.number == 2
    assert local.next_number("a") == 5


def test_and_everything_that_it_wrote_comes_back_as_it_was(local: LocalTarget) -> None:
    for file in sorted((BEFORE / "local").glob("locations/*/records/*.json")):
        written = json.loads(file.read_text())
        read = RolloutRecord.model_validate(written).model_dump(mode="json")
        assert {**read, **written} == read
    applied = read_applied(local.folder)
    assert applied is not None
    assert list(applied.locations) == ["ops", "a", "b"]
    spec = read_spec(local.folder.root, "a-4")
    assert spec is not None
    assert spec.argv[1:5] == ("-m", "dagster", "api", "grpc")
    assert spec.restart == "always"
