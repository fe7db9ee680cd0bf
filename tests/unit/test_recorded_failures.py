"""Failures as a real API server reported them: the sentence, and whether it is held against the commit.

The recordings are made by `uv run pytest -m soak tests/kubernetes/test_candidate_failures.py
tests/kubernetes/test_pod_failures.py`, where each failure is made to happen.
"""

from __future__ import annotations

import pytest

from playground_ops.core.model import Release, ServerStatus
from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import Collected, assess
from playground_ops.targets.kubernetes.releases.observing import Pods
from tests.kubernetes.cases import CASES, CERTAIN, Case
from tests.kubernetes.podcases import PODS, PodCase
from tests.recorded import Recording, Replay, all_of

CANDIDATES = dict(all_of("candidates"))
TOLD_BY_NO_POD = {"hangs": "by its deadline alone", "lazy": "by its server's answer"}
BROKEN = dict(all_of("pods"))


def test_every_failure_that_a_pod_tells_of_is_recorded() -> None:
    assert {case.name for case in CASES} - set(TOLD_BY_NO_POD) == set(CANDIDATES)
    assert {case.name for case in PODS} == set(BROKEN)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in CANDIDATES], ids=lambda case: case.name
)
def test_a_candidate_that_does_not_come_up_is_named(case: Case) -> None:
    recording = CANDIDATES[case.name]
    pods = Pods(Replay(recording), recording.about["namespace"])
    release = Release.model_validate(recording.about["release"])
    seen = pods.observe(release)
    assert seen.finding is not None
    assert case.said in f"{seen.finding.sentence()} {pods.tail(release, 40)}"
    assert (seen.finding.kind, seen.finding.whose) == (case.kind, case.whose)
    assert seen.status is (ServerStatus.FAILED if case.kind is CERTAIN else ServerStatus.STARTING)
    assert seen.finding.cause
    assert seen.finding.fix


def collected(recording: Recording) -> Collected:
    told = recording.answers
    return Collected(Pod.read(told["pod"]), told["events"], told["logs"])


@pytest.mark.parametrize("case", [case for case in PODS if case.name in BROKEN], ids=lambda case: case.name)
def test_a_pod_that_does_not_come_up_is_named(case: PodCase) -> None:
    finding = assess(collected(BROKEN[case.name])).finding
    assert finding is not None
    assert case.said in f"{finding.observed} {finding.cause}"
    assert finding.kind is case.kind
    assert finding.object.startswith("pod/broken")
    assert finding.fix
