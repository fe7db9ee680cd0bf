"""What a rollout has changed: counted, named, turned round, and never too much for a record."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.changes import KEPT_BYTES, Changes, Difference, changes
from playground_ops.core.field_change import FieldChange
from playground_ops.core.loaded import Defined
from playground_ops.core.model import DefinedKind, RolloutRecord
from playground_ops.engine.compare import differences

KINDS: tuple[DefinedKind, ...] = ("asset", "asset check", "job", "schedule", "sensor", "resource")
FIELDS = st.dictionaries(st.sampled_from(["code version", "partitions"]), st.sampled_from(["1", "2"]))
SIDE = st.lists(
    st.builds(
        Defined,
        kind=st.sampled_from(KINDS),
        name=st.sampled_from("vwxyz"),
        fields=FIELDS,
        hidden=st.dictionaries(st.just("partitions"), st.sampled_from(["h", "i"])),
    ),
    unique_by=lambda one: (one.kind, one.name),
)


def asset(name: str, **fields: str) -> Defined:
    return Defined(kind="asset", name=name, fields={key.replace("_", " "): fields[key] for key in fields})


@given(SIDE)
def test_what_is_alike_changes_nothing(side: list[Defined]) -> None:
    found = changes(differences(side, side), 3)
    assert (found.counts, found.shown) == ((), ())
    assert found.sentence() == "against release 3: no definition changes"


@given(SIDE, SIDE)
def test_turned_round_it_is_what_the_way_back_changes(before: list[Defined], after: list[Defined]) -> None:
    there, back = changes(differences(before, after), 1), changes(differences(after, before), 2)
    assert there.turned_round(2) == back
    assert back.turned_round(1) == there


@given(SIDE, SIDE)
def test_every_change_is_counted_once_and_named(before: list[Defined], after: list[Defined]) -> None:
    found = changes(differences(before, after), 1)
    assert found.left_out == 0
    for count in found.counts:
        mine, theirs = ({one.name: one for one in side if one.kind == count.kind} for side in (before, after))
        both = mine.keys() & theirs.keys()
        assert (count.added, count.removed) == (len(theirs) - len(both), len(mine) - len(both))
        assert count.changed == sum(mine[name] != theirs[name] for name in both)
        for name in mine.keys() ^ theirs.keys():
            assert name in found.sentence()


def test_a_sentence_names_the_first_of_each_kind_and_what_changes_about_them() -> None:
    before = [
        asset("a", code_version="1"),
        asset("b", partitions="daily"),
        asset("old"),
        Defined(kind="job", name="load", hidden={"definition": "h"}),
    ]
    after = [
        *(asset(name) for name in ("s", "t", "u", "v", "w", "x", "y")),
        asset("a", code_version="2"),
        asset("b", partitions="hourly", group="late"),
        Defined(kind="job", name="load", hidden={"definition": "i"}),
        Defined(kind="schedule", name="nightly"),
    ]
    found = changes(differences(before, after), 4)
    assert found.sentence() == (
        "against release 4: 7 assets added (s, t, u, v, w, 2 more), 1 removed (old), "
        "2 changed: a (code version 1 -> 2), b (group none -> late, partitions daily -> hourly); "
        "1 job changed: load (definition); 1 schedule added (nightly)"
    )
    assert found.totals() == "7 assets added, 1 removed, 2 changed; 1 job changed; 1 schedule added"


def test_a_first_release_is_told_in_numbers() -> None:
    found = changes(differences((), [asset("a"), asset("b"), Defined(kind="job", name="j")]), None)
    assert found.sentence() == "nothing served before, so everything is new: 2 assets, 1 job"
    assert found.shown == ()
    assert changes((), None).sentence() == "nothing served before, so everything is new: it defines nothing"


def test_of_another_dagster_the_versions_are_told() -> None:
    found = Changes(against=1, dagster=("1.11.12", "1.13.27"))
    assert "no definition changes; Dagster 1.11.12 -> 1.13.27" in found.sentence()
    assert found.turned_round(2).dagster == ("1.13.27", "1.11.12")


def test_a_record_of_ten_thousand_changes_is_small_and_has_some_of_each_kind() -> None:
    name = "warehouse/" + "a_rather_long_folder/" * 5
    fields = tuple(FieldChange(path=f"f {n}", before="é" * 500, after="y" * 500) for n in range(12))
    several = [
        Difference(change=way, kind=kind, name=f"{name}{number:05}", fields=fields)
        for kind in KINDS
        for way in ("added", "changed", "removed")
        for number in range(10_000 if kind == "asset" else 100)
    ]
    found = changes(several, 3)
    record = RolloutRecord(location="a", id="x", by="me", started_at="t", changes=found)
    bare = record.model_copy(update={"changes": None})
    size = len(record.model_dump_json(exclude_defaults=True)) - len(
        bare.model_dump_json(exclude_defaults=True)
    )
    assert KEPT_BYTES / 2 < size < 1.2 * KEPT_BYTES
    assert found.counts[0].added == found.counts[0].removed == 10_000
    assert found.left_out == len(several) - len(found.shown)
    small = changes([one.model_copy(update={"fields": ()}) for one in several], 3)
    assert {(one.kind, one.change) for one in small.shown} == {(one.kind, one.change) for one in several}
    assert len(found.sentence()) < 4_000
    assert RolloutRecord.model_validate_json(record.model_dump_json(exclude_defaults=True)) == record


def test_a_project_whose_every_asset_has_another_name_is_compared_in_seconds() -> None:
    sides = [[asset(f"{prefix}{number}") for number in range(10_000)] for prefix in ("a", "b")]
    began = time.perf_counter()
    found = changes(differences(*sides), 1)
    assert time.perf_counter() - began < 10.0
    assert (found.counts[0].added, found.counts[0].removed) == (10_000, 10_000)


def test_no_secret_is_told() -> None:
    secret = "glpat-" + "x1y2z3" * 4
    before, after = (asset("a", tags=f"team={team}, token={secret}") for team in ("red", "blue"))
    (found,) = differences([before], [after])
    kept = changes([found], 1)
    for said in (kept.sentence(), kept.model_dump_json(), found.without_secrets().model_dump_json()):
        assert "red" in said
        assert secret not in said


def test_a_name_stays_whole_though_it_looks_like_a_secret_s() -> None:
    check = Defined(kind="asset check", name="users/password:not_null")
    found = changes(differences((), [check]), 1)
    assert found.sentence().endswith("1 asset check added (users/password:not_null)")
    assert found.shown[0].name == "users/password:not_null"
