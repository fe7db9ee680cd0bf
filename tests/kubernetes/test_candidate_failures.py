"""Ways in which a candidate does not come up, made to happen: its sentence, its kind, and how soon.

By default one of each mechanism by which a cluster reports it; `-m soak` makes all, and keeps what the API
server answered to each for `tests/unit/test_recorded_failures.py`, which checks all of them without a
cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from playground_ops.render import release as rendering
from tests.kubernetes.candidates import Case, Ended, Known, Place
from tests.kubernetes.cases import CASES, CERTAIN, CODE, commits, privileged

MECHANISMS = {
    "no-image": "a container waits, with a reason",
    "no-node": "a condition of the pod",
    "refused": "a condition of the Deployment: no pod is made",
    "no-secret-files": "an event of the pod",
    "git-password": "the log of an init container",
    "raises": "the log of the server",
    "memory": "why the server's container ended",
    "lazy": "what the server answers",
}
WAITED_OUT = 100.0
"""Seconds since the cluster knows: far from the 170 after which any candidate would be given up. How soon it
is on a machine that is not busy is printed, and measured by the benchmarks."""


def fail(place: Place, cases: Collection[Case], one: Callable[..., Ended]) -> dict[str, Ended]:
    """Fail several at once; of those that import Dagster only as many as there are processors."""
    made = commits(place.code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "render", privileged(rendering.render))
        with (
            Known(place.connection, place.namespace) as known,
            ThreadPoolExecutor(4) as light,
            ThreadPoolExecutor(2) as heavy,
        ):
            futures = {
                case.name: (heavy if case.whose == CODE else light).submit(one, case, made[case.name], known)
                for case in cases
            }
            return {name: future.result() for name, future in futures.items()}


def holds(case: Case, found: Ended) -> None:
    finding = found.finding
    print(f"{case.name}: {found.seconds:.1f} s, {finding.kind.value}: {finding.sentence()}")
    assert case.said in f"{finding.sentence()} {finding.evidence}"
    assert (finding.kind, finding.whose) == (case.kind, case.whose)
    assert found.rejected == (case.kind is CERTAIN and case.whose == CODE)
    assert found.seconds < WAITED_OUT
    assert found.left == []


LIVE = [case for case in CASES if case.name in MECHANISMS]


@pytest.fixture(scope="module")
def ended(place: Place) -> dict[str, Ended]:
    return fail(place, LIVE, place.fail)


@pytest.mark.parametrize("case", LIVE, ids=lambda case: case.name)
def test_it_is_named_soon(case: Case, ended: dict[str, Ended]) -> None:
    holds(case, ended[case.name])


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_all_of_them_are_and_are_recorded(place: Place, record_property: Any) -> None:
    ended, wrong = fail(place, CASES, place.record), []
    for case in CASES:
        record_property(case.name, round(ended[case.name].seconds, 1))
        try:
            holds(case, ended[case.name])
        except AssertionError as error:
            wrong.append(f"{case.name}: {error}")
    assert wrong == []
