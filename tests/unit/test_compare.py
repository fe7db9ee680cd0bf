"""What differs between two sets of definitions: nothing is missing, nothing comes twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.errors import BadInput
from playground_ops.core.loaded import Defined, LoadedCode
from playground_ops.core.model import LiveRelease, Location, Release, ReleaseState, Revision
from playground_ops.engine.compare import compare, differences
from tests.fakes import FakeTarget, World

FIELDS = st.dictionaries(st.sampled_from(["cron", "group", "tags"]), st.sampled_from(["1", "2"]))
SIDE = st.lists(
    st.builds(Defined, kind=st.sampled_from(["asset", "job"]), name=st.sampled_from("xyz"), fields=FIELDS),
    unique_by=lambda one: (one.kind, one.name),
)


@given(SIDE)
def test_what_is_alike_has_no_differences(side: list[Defined]) -> None:
    assert differences(side, list(reversed(side))) == ()


@given(SIDE, SIDE)
def test_applying_the_differences_gives_the_other_side(before: list[Defined], after: list[Defined]) -> None:
    state = {(one.kind, one.name): dict(one.fields) for one in before}
    wanted = {(one.kind, one.name): dict(one.fields) for one in after}
    for one in differences(before, after):
        place = (one.kind, one.name)
        if one.change == "removed":
            state.pop(place)
        elif one.change == "added":
            assert place not in state
            state[place] = wanted[place]
        else:
            assert one.fields
            for field in one.fields:
                assert state[place].pop(field.path, None) == field.before
                if field.after is not None:
                    state[place][field.path] = field.after
    assert state == wanted


@given(SIDE, SIDE)
def test_turned_round_it_is_the_same_turned_round(before: list[Defined], after: list[Defined]) -> None:
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    there = {(one.kind, one.name): one.change for one in differences(before, after)}
    back = {(one.kind, one.name): turned[one.change] for one in differences(after, before)}
    assert there == back


def release(number: int) -> Release:
    revision = Revision(repository="/x", commit=f"{number:040x}")
    where = Location(name="a", repository="/x")
    return Release(location=where, number=number, revision=revision, configuration="c", created_at="now")


SECRET = "hunter2hunter2"


class TwoSides(FakeTarget):
    """Serves release 2 of `a`, and keeps 1; each release defines as many jobs as its number says."""

    def releases(self, location: str) -> list[LiveRelease]:
        states = {1: ReleaseState.RETIRED, 2: ReleaseState.SERVING}
        found = [LiveRelease(release=release(number), state=state) for number, state in states.items()]
        return found if location == "a" else []

    def inspect(self, release: Release, seconds: float = 180.0) -> LoadedCode:
        jobs = [Defined(kind="job", name=f"j{number}") for number in range(release.number)]
        tags = f"side={release.number}, password={SECRET}"
        same = Defined(kind="asset", name="same", fields={"tags": tags})
        return LoadedCode(server_id="x", working_directories=(), defined=(*jobs, same))


def test_a_location_is_what_it_serves_and_a_release_is_named_by_its_number() -> None:
    found = compare(TwoSides(World()), ["a", "b"], "a-1", "a")
    assert (found.before.number, found.after.number, found.same) == (1, 2, 1)
    assert "side=2" in found.model_dump_json()
    assert SECRET not in found.model_dump_json()
    assert (
        found.summary()
        == "from a-1 (000000000000) to a-2 (000000000000): 1 added, 0 removed, 1 changed, 1 alike"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [("a-3", "Those that run: a-1, a-2"), ("c", "The locations are: a, b"), ("b", "It serves nothing")],
)
def test_what_can_not_be_compared_is_bad_input(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        compare(TwoSides(World()), ["a", "b"], "a", name)
