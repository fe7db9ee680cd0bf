"""Finds the environment variable for want of which a process ended."""

import re

_NAMED = (
    r"[Ee]nvironment variable [`'\"$]?(\w+)[`'\"]?,? (?:which |but it )?(?:is|was) not set",
    r"Env var required but not provided: '(\w+)'",
)
"""As Dagster, its components and dbt say it."""
_LOOKED_UP = re.compile(r"environ|<frozen os>|/os\.py\"")


def missing_variable(message: str, excerpt: str) -> str | None:
    """Return its name, from the message of an exception and the traceback; None where that says none.

    A KeyError is one of the environment only where that was looked into.
    """
    key = re.match(r"KeyError: '(\w+)'$", message)
    if key and _LOOKED_UP.search(excerpt):
        return key[1]
    found = (re.search(pattern, message) for pattern in _NAMED)
    return next((one[1] for one in found if one), None)
