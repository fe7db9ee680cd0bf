"""Every way in which a candidate does not come up, made to happen: its sentence, its kind, and how soon."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from playground_ops.render import release as rendering
from tests.kubernetes.candidates import Case, Ended, Known, Place
from tests.kubernetes.cases import CASES, CERTAIN, CODE, commits, privileged

WAITED_OUT = 100.0
"""Seconds from when the cluster knows: far from the 170 in which any candidate would be given up. How soon it
is on a machine that is not busy is printed, and measured by the benchmarks."""


@pytest.fixture(scope="module")
def ended(place: Place) -> dict[str, Ended]:
    """Several side by side; of those that import Dagster no more than the machine has processors for."""
    made = commits(place.code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "render", privileged(rendering.render))
        with (
            Known(place.connection, place.namespace) as known,
            ThreadPoolExecutor(4) as light,
            ThreadPoolExecutor(2) as heavy,
        ):
            futures = {
                case.name: (heavy if case.whose == CODE else light).submit(
                    place.fail, case, made[case.name], known
                )
                for case in CASES
            }
            return {name: future.result() for name, future in futures.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_named_soon(case: Case, ended: dict[str, Ended], record_property: Any) -> None:
    found = ended[case.name]
    finding = found.finding
    record_property("seconds", round(found.seconds, 1))
    print(f"{case.name}: {found.seconds:.1f} s, {finding.kind.value}: {finding.sentence()}")
    assert case.said in f"{finding.sentence()} {finding.evidence}"
    assert (finding.kind, finding.whose) == (case.kind, case.whose)
    assert found.rejected == (case.kind is CERTAIN and case.whose == CODE)
    assert found.seconds < WAITED_OUT
    assert found.left == []
