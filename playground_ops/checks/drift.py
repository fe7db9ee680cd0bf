"""Compares what runs with the configuration: what a deploy would change, and who has changed it."""

from collections import defaultdict
from collections.abc import Sequence

from playground_ops.checks import causes
from playground_ops.checks.causes import DEPLOY, seen
from playground_ops.core.component import Deploying
from playground_ops.core.errors import Finding, certain
from playground_ops.core.plan import Change, FieldChange, Plan

SHOWN_FIELDS = 5


def check(plan: Plan) -> tuple[dict[str, list[Finding]], dict[str, list[Finding]]]:
    """Return what is missing, and what is there and differs; each by component."""
    missing: dict[str, list[Finding]] = defaultdict(list)
    differs: dict[str, list[Finding]] = defaultdict(list)
    for change in plan.changes:
        if change.action == "create" and change.object:
            explains = [causes.missing(change.component)]
            explains += [causes.location(change.component)] if change.kind == "location" else []
            missing[change.component].append(seen(_missing(change), explains=explains, follows=[DEPLOY]))
        elif change.action != "unchanged":
            differs[change.component].append(seen(_differs(change), follows=[*_shows_in(change), DEPLOY]))
    return dict(missing), dict(differs)


def _shows_in(change: Change) -> list[str]:
    """Return the causes that show what differs at the process itself: none runs, or nothing serves."""
    if causes.is_role(change.object):
        return [str(change.object)]
    is_location = change.kind == "location" and change.object is None
    gone = change.action == "create" or [field.path for field in change.fields] == ["process"]
    if is_location:
        return [causes.location(change.component)] if gone else []
    scaled = [field.path for field in change.fields] == ["spec.replicas"]
    return [change.component] if gone or scaled else []


def _remedy(change: Change) -> str:
    return "`python -m playground_ops.bootstrap`" if change.needs_bootstrap else "`deploy`"


def _missing(change: Change) -> Finding:
    return certain(
        object=str(change.object),
        observed="It is not there.",
        cause="Somebody deleted it, or the configuration asks for it since the last deploy.",
        fix=f"{_remedy(change)} makes it.",
        whose="surroundings",
    )


def _differs(change: Change) -> Finding:
    others = sorted({field.manager for field in change.fields if field.manager})
    cause = "The configuration was changed since the last deploy, or this project was."
    if change.action == "create":
        cause = "It was configured since the last deploy, or what served is gone."
    return certain(
        object=change.object or f"component/{change.component}",
        observed=_observed(change),
        cause=f"It was changed by {', '.join(others)}, past the configuration." if others else cause,
        fix=f"{_remedy(change)} makes it as configured; `plan` shows every field. To keep it, configure it.",
        evidence="\n".join(_line(field) for field in change.fields),
        whose="surroundings",
    )


def _observed(change: Change) -> str:
    if change.action == "delete":
        return "It is no longer configured, and still there."
    if change.action == "create":
        return "It is configured, and not there."
    return f"{_fields(change.fields)} not as configured."


def _fields(fields: Sequence[FieldChange]) -> str:
    if not fields:
        return "It is"
    names = [field.path for field in fields[:SHOWN_FIELDS]]
    more = [f"{len(fields) - SHOWN_FIELDS} more"] if len(fields) > SHOWN_FIELDS else []
    return f"{', '.join([*names, *more])} {'is' if len(fields) == 1 else 'are'}"


def _line(field: FieldChange) -> str:
    who = f" ({field.manager})" if field.manager else ""
    return f"{field.path}: {field.before} instead of {field.after}{who}"


def unended(deploy: Deploying) -> Finding:
    """Return the finding for a deploy that is no longer under way and did not come to its end."""
    return certain(
        object="stack",
        observed=f"A deploy by {deploy.by} began at {deploy.since} and did not come to its end.",
        cause="Its process was killed, it failed half-way, or `ops` could not be rolled out by it. In a "
        "cluster policies and rights may still allow what the configuration before it did.",
        fix="`deploy` from your machine goes on where it ended.",
        whose="surroundings",
    )
