"""The plan of a deploy: what is asked for, what would change, and what must not."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration, collisions
from playground_ops.core.errors import BadInput
from playground_ops.core.plan import Plan, only
from playground_ops.core.relocation import Relocation
from playground_ops.engine import naming, relocation
from playground_ops.engine.context import Engine


@dataclass(frozen=True)
class Asked:
    """What a plan or a deploy is about."""

    components: Sequence[str] = ()
    """Empty: all of them."""
    force: bool = False
    """Whether locations may change their deployment, and deployments that serve be removed."""


WHOLE = Asked()


def make_plan(engine: Engine, configuration: Configuration, asked: Asked = WHOLE) -> Plan:
    """Return the plan. Raises BadInput for a component neither configured nor live. Writes nothing.

    Raises PlaygroundError for what would leave its deployment, unless that is forced.
    """
    return planned(engine, configuration, asked)[1]


def planned(
    engine: Engine, configuration: Configuration, asked: Asked
) -> tuple[Plan, Plan, Sequence[Relocation]]:
    """Return the whole plan, the part of it that is asked for, and the moves in that."""
    target = engine.target.snapshot()
    whole = target.stack.plan(configuration)
    moves = relocation.planned(target, configuration, whole)
    if not asked.force:
        relocation.must_stay(configuration, moves)
    relocation.must_be_named(moves, asked.components)
    notes = (*collisions.told(configuration), *relocation.notes(target, whole, moves))
    return whole, narrowed(whole.model_copy(update={"notes": notes}), asked.components), moves


def narrowed(whole: Plan, components: Sequence[str]) -> Plan:
    """Return the part of a plan about these components. Raises BadInput for one that is not in it."""
    unknown = [name for name in components if name not in {change.component for change in whole.changes}]
    if unknown:
        known = list(dict.fromkeys(change.component for change in whole.changes))
        raise BadInput(*(naming.unknown("component", name, known) for name in unknown))
    return only(whole, components)
