"""A pod that no node fits, and an API server that refuses: what is certain, and what passes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from playground_ops.core.errors import FindingKind
from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import UNSCHEDULABLE_GRACE_SECONDS, Collected, assess, is_certain
from playground_ops.targets.kubernetes.api.refusals import refusal

TOLD = datetime(2030, 1, 1, tzinfo=timezone.utc)
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    "lastTransitionTime": "2030-01-01T00:00:00Z",
}
NO_NODE = Pod.read(
    {"metadata": {"name": "a-1"}, "status": {"phase": "Pending", "conditions": [UNSCHEDULABLE]}}
)


@pytest.mark.parametrize(
    ("seconds", "certain"), [(0.5, False), (UNSCHEDULABLE_GRACE_SECONDS, True), (3600.0, True)]
)
def test_that_no_node_fits_is_certain_after_some_seconds(seconds: float, certain: bool) -> None:
    """A node that an autoscaler makes is announced some seconds later."""
    finding = assess(Collected(NO_NODE)).finding
    assert finding is not None
    assert finding.kind is FindingKind.CERTAIN
    assert is_certain(finding, NO_NODE, TOLD + timedelta(seconds=seconds)) == certain


def test_what_passes_is_never_certain() -> None:
    finding = assess(Collected(NO_NODE)).finding
    assert finding is not None
    passing = finding.model_copy(update={"kind": FindingKind.CAPACITY})
    assert not is_certain(passing, NO_NODE, TOLD + timedelta(hours=1))


def test_a_namespace_that_is_being_deleted_is_no_want_of_rights() -> None:
    message = (
        'configmaps "x" is forbidden: unable to create new content in namespace dagster because it is being '
        "terminated"
    )
    answer = {"reason": "Forbidden", "message": message}
    finding = refusal("/api/v1/namespaces/dagster/configmaps", None, 403, answer).finding
    assert finding.kind is FindingKind.TRANSIENT
    assert "being deleted" in finding.cause
