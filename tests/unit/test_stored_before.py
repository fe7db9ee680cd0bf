"""What the version before this one stored is read by this one: no release, record or mark is lost.

The files in `recorded/before` are from a real stack that it made: four releases; the third was rejected.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from playground_ops.core import decisions, served
from playground_ops.core.model import Outcome, ReleaseState, RolloutRecord
from playground_ops.targets.kubernetes.api.connection import Connection, Question
from playground_ops.targets.kubernetes.api.paths import path
from playground_ops.targets.kubernetes.api.refusals import refusal
from playground_ops.targets.kubernetes.objects.applied_configuration import configuration_in_force
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.releases.leases import holder
from playground_ops.targets.kubernetes.releases.records import Records
from playground_ops.targets.local.own_folder import runtime_folder
from playground_ops.targets.local.processes import read_spec
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


def outcomes(records: Sequence[RolloutRecord]) -> dict[int, Outcome | None]:
    return {one.release.number: one.outcome for one in records if one.release}


def test_a_local_stack_has_its_releases_and_records(local: LocalTarget) -> None:
    found = {one.release.number: one.state for one in local.releases("a")}
    assert found == {2: ReleaseState.RETIRED, 4: ReleaseState.SERVING}
    records = local.records("a")
    assert outcomes(records) == OUTCOMES
    rejected = next(one for one in records if one.outcome is Outcome.FAILED)
    assert rejected.revision is not None
    assert decisions.rejection(records, rejected.revision.commit, rejected.configuration) is not None
    back = served.rollback_choice(records, local.releases("a"))
    assert back is not None and back.number == 2
    assert local.next_number("a") == 5


def holds(read: Any, written: Any) -> bool:
    """Return whether all that was written was read as it was; later versions have more fields."""
    if isinstance(written, dict) and isinstance(read, dict):
        return all(key in read and holds(read[key], value) for key, value in written.items())
    return bool(read == written)


def test_and_everything_that_it_wrote_comes_back_as_it_was(local: LocalTarget) -> None:
    for file in sorted((BEFORE / "local").glob("locations/*/records/*.json")):
        written = json.loads(file.read_text())
        read = RolloutRecord.model_validate(written).model_dump(mode="json")
        assert holds(read, written), file
    applied = read_applied(local.folder)
    assert applied is not None
    assert list(applied.locations) == ["ops", "a", "b"]
    spec = read_spec(local.folder.root, "a-4")
    assert spec is not None
    assert spec.argv[1:5] == ("-m", "dagster", "api", "grpc")
    assert spec.restart == "always"


class Stored(Connection):
    """Answers for an API server that has these objects, and no pods. It is asked and never written to."""

    def __init__(self, objects: Sequence[dict[str, Any]]) -> None:
        super().__init__("stored")
        self._objects = {path(one): one for one in objects}

    def answer(self, asked: Question) -> bytes:
        assert asked.method == "GET", asked
        if asked.query is None or "labelSelector" not in asked.query:
            if asked.path not in self._objects:
                raise refusal(asked.path, None, 404, {"reason": "NotFound", "message": "not found"})
            return json.dumps(self._objects[asked.path]).encode()
        terms = asked.query["labelSelector"].split(",")
        items = [
            one
            for where, one in self._objects.items()
            if where.rpartition("/")[0] == asked.path and all(matches(one, term) for term in terms)
        ]
        return json.dumps({"items": items, "metadata": {"resourceVersion": "1"}}).encode()


def matches(found: dict[str, Any], term: str) -> bool:
    """Apply one term of a label selector: `key=value`, or `key` where any value will do."""
    key, is_equal, value = term.partition("=")
    labels = found["metadata"]["labels"]
    return labels.get(key) == value if is_equal else key in labels


NAMESPACE = "measured"


@pytest.fixture
def cluster() -> Stored:
    return Stored(json.loads((BEFORE / "cluster.json").read_text()))


def test_a_stack_in_a_cluster_has_its_releases_and_records(cluster: Stored) -> None:
    releases = Releases(cluster, NAMESPACE)
    found = {one.release.number: one.state for one in releases.all("a")}
    assert found == {4: ReleaseState.RETIRED, 5: ReleaseState.SERVING}
    assert releases.numbers("a") == [2, 4, 5], "the oldest has drained, and waits to be removed"
    records = Records(cluster, NAMESPACE).all("a")
    assert outcomes(records) == {**OUTCOMES, 5: Outcome.DONE}
    assert Records(cluster, NAMESPACE).locations() == ["a"]
    assert next(reversed(records)).release == next(reversed(releases.all("a"))).release
    assert holder(cluster, NAMESPACE, "a") is None


def test_and_its_configuration(cluster: Stored) -> None:
    configuration = configuration_in_force(cluster, NAMESPACE)
    assert [one.name for one in configuration.all_locations] == ["ops", "a", "b"]
