"""Limits that a deploy changes: until it has ended they allow what they allowed before, and what they will.

While rollouts are under way, `ops` makes pods of both configurations: for the releases to come, and for
whatever was begun before. A policy that knew one of them would refuse the other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground_ops.core.plan import Change
from playground_ops.core.target import Say
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, Object
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path, path_of
from playground_ops.targets.kubernetes.objects.applying import apply_object

BEFORE = "before_"
ADMITS = f"{BEFORE}admits"
"""The variable that says whether the policy before admits the object."""
_VARIABLE = re.compile(r"\bvariables\.(?=[A-Za-z_])")


def policy(before: Mapping[str, Any], after: Object) -> Object:
    """Return the ValidatingAdmissionPolicy `after`, which also admits whatever `before` admits.

    What `before` is need not be known: its variables get other names, and its validations become one
    variable. It may be such a wide one itself, of a deploy that did not come to its end.
    """
    old, new = before["spec"], after["spec"]
    renamed = [
        {"name": f"{BEFORE}{one['name']}", "expression": _renamed(one["expression"])}
        for one in old.get("variables", ())
    ]
    tests = [f"({_renamed(one['expression'])})" for one in old["validations"]]
    admits = {"name": ADMITS, "expression": " && ".join(tests)}
    return {
        **after,
        "spec": {
            **new,
            "variables": [*renamed, admits, *new.get("variables", ())],
            "validations": [
                {**one, "expression": f"variables.{ADMITS} || ({one['expression']})"}
                for one in new["validations"]
            ],
        },
    }


def _renamed(expression: str) -> str:
    """Return the expression with the other names; a literal, such as a script, stays as it is."""
    try:
        json.loads(expression)
    except ValueError:
        return _VARIABLE.sub(f"variables.{BEFORE}", expression)
    return expression


def role(before: Mapping[str, Any], after: Object) -> Object:
    rules = [*after["rules"], *(one for one in before.get("rules") or () if one not in after["rules"])]
    return {**after, "rules": rules}


def network_policy(before: Mapping[str, Any], after: Object) -> Object:
    """Return it as it will be where it is about other pods or other ways than before: it can't be both."""
    old, new = before["spec"], after["spec"]
    if any(old.get(key) != new.get(key) for key in ("podSelector", "policyTypes")):
        return after
    both = {way: [*new.get(way, ()), *(old.get(way) or ())] for way in ("ingress", "egress")}
    return {**after, "spec": {**new, **{way: found for way, found in both.items() if found}}}


WIDENED = {"ValidatingAdmissionPolicy": policy, "Role": role, "NetworkPolicy": network_policy}


def widened(connection: Connection, changed: Sequence[Change]) -> Iterator[Change]:
    """Yield the changes, those of limits such that they still allow what they allow now."""
    for change in changed:
        live = connection.get(path(change.manifest)) if _narrows(change) and change.manifest else None
        if live is None or change.manifest is None:
            yield change
        else:
            wide = WIDENED[change.manifest["kind"]](live, dict(change.manifest))
            yield change.model_copy(update={"manifest": wide})


def narrow(connection: Connection, namespace: str, text: str, changed: Sequence[Change], say: Say) -> bool:
    """Apply those limits as they are to be, if `text`, the configuration that they belong to, is in force.

    Returns whether it is: otherwise another deploy put its own there, and narrows them at its end, or this
    one was not to put it there, and what it needs is allowed until one does.
    """
    limits = [change for change in changed if _narrows(change)]
    found = connection.get(path_of("v1", "ConfigMap", CONFIGURATION, namespace)) if limits else None
    if found is None or found.get("data", {}).get(CONFIGURATION_KEY) != text:
        return False
    for change in limits:
        if change.manifest is not None:
            apply_object(connection, change.manifest)
            say(f"{change.object} narrowed to the configuration")
    return True


def has_limits(changed: Sequence[Change]) -> bool:
    return any(map(_narrows, changed))


def _narrows(change: Change) -> bool:
    return change.action == "update" and bool(change.manifest) and change.manifest["kind"] in WIDENED  # type: ignore[index]
