"""What two locations made of one asset: differences, and the order in which they are told."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.produced import ROWS, CheckSeen, Column, Number, Produced
from playground_ops.engine.produced import MOST, Row, matching, pair, row, rows
from playground_ops.engine.produced_table import difference, shown

NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.integers(10**400, 10**400 + 5),
    st.floats(),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324]),
)
CHECKS = st.lists(
    st.builds(
        CheckSeen,
        name=st.sampled_from("pq"),
        state=st.sampled_from(["passes", "warns", "fails", "did not end"]),
        of_earlier=st.booleans(),
    ),
    unique_by=lambda one: one.name,
)
COLUMNS = st.none() | st.lists(
    st.builds(Column, name=st.sampled_from("xyz"), type=st.sampled_from(["int", "text"])),
    unique_by=lambda one: one.name,
).map(tuple)
SIDE = st.dictionaries(
    st.sampled_from(["one", "two/three", "four", "five"]),
    st.builds(
        Produced,
        key=st.just("k"),
        at=st.just("2030-01-01T00:00:00.000+00:00"),
        partition=st.sampled_from([None, "p"]),
        numbers=st.dictionaries(st.sampled_from([ROWS, "mean", "max"]), NUMBERS, max_size=3),
        columns=COLUMNS,
        checks=CHECKS.map(tuple),
        seconds=st.none() | st.floats(0, 100),
    ),
)


def made(**fields: Any) -> Produced:
    return Produced(key="k", at="2030-01-01T00:00:00.000+00:00", **fields)


def order(found: tuple[Row, ...]) -> list[str]:
    return [one.key for one in found]


@given(SIDE)
def test_what_is_alike_has_no_differences(side: dict[str, Produced]) -> None:
    found = rows(side, side)
    assert {one.kind for one in found} <= {"alike"}
    assert order(found) == sorted(side)


@given(SIDE, SIDE)
def test_turned_round_it_is_the_same_turned_round(
    before: dict[str, Produced], after: dict[str, Produced]
) -> None:
    there, back = rows(before, after), rows(after, before)
    assert order(there) == order(back)
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    for one, other in zip(there, back, strict=True):
        assert one.kind == other.kind
        assert one.rank == other.rank
        assert [(check.name, check.differs) for check in one.checks] == [
            (check.name, check.differs) for check in other.checks
        ]
        assert {(each.name, turned[each.change]) for each in one.columns} == {
            (each.name, each.change) for each in other.columns
        }
        assert [each.label for each in one.numbers] == [each.label for each in other.numbers]


@given(SIDE, SIDE, st.randoms())
def test_the_order_is_total_and_depends_on_nothing_but_what_was_made(
    before: dict[str, Produced], after: dict[str, Produced], random: Any
) -> None:
    shuffled = list(before.items())
    random.shuffle(shuffled)
    found = rows(before, after)
    assert order(rows(dict(shuffled), after)) == order(found)
    ranks = [one.rank for one in found]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)
    kinds = [one.kind == "alike" for one in found]
    assert kinds == sorted(kinds), "what is alike comes last"


@given(NUMBERS, NUMBERS)
def test_any_two_numbers_have_a_difference_that_can_be_told(one: Number, other: Number) -> None:
    found = pair("x", one, other)
    assert 0 <= found.magnitude <= MOST
    assert (found.magnitude > 0) <= found.differs
    assert found.magnitude == pair("x", other, one).magnitude
    assert bool(difference(found)) == found.differs
    assert shown(one)
    assert shown(other)
    document = json.loads(row("x", made(numbers={"x": one}), made(numbers={"x": other})).model_dump_json())
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (100, 90, "-10 (-10.0 %)"),
        (0, 5, "+5"),
        (-10, 10, "+20 (+200.0 %)"),
        (1.5, 1.5, ""),
        (math.nan, math.nan, ""),
        (math.nan, 1.0, "differs"),
        (1, math.inf, "+inf"),
        (False, True, "differs"),
        (None, 3, "differs"),
        (10**400, 1.5, "differs"),
        (10**30, 10**30 + 20, "+20 (+2e-27 %)"),
        (1_000_000, 1_000_001, "+1 (+0.0001 %)"),
    ],
)
def test_a_difference_is_absolute_and_in_percent(
    before: Number | None, after: Number | None, told: str
) -> None:
    assert difference(pair("x", before, after)) == told


def test_the_worst_comes_first() -> None:
    price, cost = Column(name="price", type="int"), Column(name="cost", type="int")
    passes, fails = CheckSeen(name="c", state="passes"), CheckSeen(name="c", state="fails")
    before = {
        "alike": made(numbers={ROWS: 1}),
        "a tenth": made(numbers={ROWS: 100}),
        "twice": made(numbers={ROWS: 100}),
        "label": made(numbers={"old": 1}),
        "schema": made(columns=(price,)),
        "check": made(checks=(passes,)),
        "both fail": made(checks=(fails,)),
        "partition": made(partition="p"),
    }
    after = {
        "alike": made(numbers={ROWS: 1}),
        "a tenth": made(numbers={ROWS: 110}),
        "twice": made(numbers={ROWS: 200}),
        "label": made(numbers={"new": 1}),
        "schema": made(columns=(cost,)),
        "check": made(checks=(fails,)),
        "both fail": made(checks=(fails,)),
        "partition": made(partition="q"),
    }
    found = rows(before, after)
    assert order(found) == [
        *("check", "schema", "twice", "a tenth"),
        *("label", "partition", "alike", "both fail"),
    ]
    (schema,) = (one for one in found if one.key == "schema")
    assert [(one.change, one.name) for one in schema.columns] == [("removed", "price"), ("added", "cost")]


def test_a_schema_that_one_side_did_not_report_is_no_change() -> None:
    assert row("x", made(columns=(Column(name="y", type="int"),)), made()).kind == "alike"


@pytest.mark.parametrize(
    ("mine", "theirs", "matched"),
    [
        (["a/x", "a/y/z"], ["b/x"], {"x"}),
        (["a/x"], ["a/x"], {"a/x"}),
        (["a/x", "plain"], ["b/x", "plain"], {"plain"}),
        (["a/x"], ["x"], set()),
        ([], ["b/x"], set()),
        (["ab/x"], ["b/x"], set()),
    ],
)
def test_keys_are_matched_without_the_locations_own_names(
    mine: list[str], theirs: list[str], matched: set[str]
) -> None:
    before, after, taken = matching(("a", mine), ("b", theirs))
    assert before.keys() & after.keys() == matched
    assert sorted(before.values()) == sorted(mine)
    assert taken == (matched == {"x"})
