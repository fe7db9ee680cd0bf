"""Properties of the plan: what it says would change is what differs, no more and no less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.component import Component
from playground_ops.core.plan import only, plan

names = st.sampled_from(["webserver", "daemon", "ops", "a", "b", "orders"])
settings = st.dictionaries(
    st.sampled_from(["host", "port", "ref", "process"]), st.sampled_from(["1", "2", "3"])
)


def kind_of(name: str) -> str:
    return name if name in ("webserver", "daemon") else "location"


components = st.dictionaries(names, settings).map(
    lambda found: [Component(name=name, kind=kind_of(name), settings=of) for name, of in found.items()]
)


@given(components)
def test_what_is_as_desired_is_left_alone(live: list[Component]) -> None:
    found = plan(live, live)
    assert found.is_empty
    assert found.changed() == ()
    assert found.summary() == f"0 to create, 0 to update, 0 to delete, {len(live)} unchanged"


@given(components, components)
def test_applying_the_changes_gives_what_is_desired(desired: list[Component], live: list[Component]) -> None:
    state = {component.name: dict(component.settings) for component in live}
    for change in plan(desired, live).changes:
        if change.action == "delete":
            del state[change.component]
            continue
        target = state.setdefault(change.component, {})
        for field in change.fields:
            assert target.get(field.path) == field.before != field.after
            if field.after is None:
                del target[field.path]
            else:
                target[field.path] = field.after
    assert state == {component.name: dict(component.settings) for component in desired}


@given(components, components)
def test_each_component_has_one_change_and_desired_ones_come_first(
    desired: list[Component], live: list[Component]
) -> None:
    changed = [change.component for change in plan(desired, live).changes]
    assert len(changed) == len(set(changed)) == len({found.name for found in [*desired, *live]})
    assert changed[: len(desired)] == [component.name for component in desired]


@given(components, components, st.lists(names, min_size=1))
def test_a_part_of_a_plan_is_about_these_components(
    desired: list[Component], live: list[Component], wanted: list[str]
) -> None:
    whole = plan(desired, live)
    assert {change.component for change in only(whole, wanted).changes} == {
        change.component for change in whole.changes
    } & set(wanted)
    assert only(whole, []) == whole
