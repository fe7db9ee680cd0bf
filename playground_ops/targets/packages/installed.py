"""The content of an environment: its Dagster, and which packages of the instance go with it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError, certain

OLDEST, NEWEST = (1, 11), (1, 13)
"""Minor versions of Dagster whose code servers the stack's webserver and daemon support."""

# Released together with Dagster under Dagster's own number; all other integrations are 0.(minor + 16).
_CORE = {"dagster", "dagster-graphql", "dagster-pipes", "dagster-shared", "dagster-webserver"}


def installed(place: Path) -> dict[str, str]:
    """Return versions by name; names are lower-case words with dashes."""
    return {canonicalize_name(found.metadata["Name"]): found.version for found in _distributions(place)}


def _distributions(place: Path) -> Iterable[Distribution]:
    return distributions(path=[str(folder) for folder in (place / "lib").glob("python*/site-packages")])


def check_dagster(packages: Mapping[str, str], thing: str) -> str:
    """Return the version of Dagster. Raises PlaygroundError (certain) without one, or if it does not fit."""
    found = packages.get("dagster")
    if found is None:
        raise PlaygroundError(
            certain(
                object=thing,
                observed="There is no dagster among the project's dependencies.",
                cause="A code location runs on the Dagster of its own project; development groups do not "
                "count.",
                fix=f"Add `dagster>={_name(NEWEST)},<1.{NEWEST[1] + 1}` to its dependencies and lock again.",
            )
        )
    minor = _minor(found)
    if minor is None or not OLDEST <= minor <= NEWEST:
        raise PlaygroundError(
            certain(
                object=thing,
                observed=f"The project is on Dagster {found}.",
                cause=f"That is too far apart from this stack: it takes {_name(OLDEST)} to {_name(NEWEST)}.",
                fix=f"Move the project to Dagster {_name(OLDEST)} to {_name(NEWEST)} and lock again.",
            )
        )
    return found


def goes_with(package: str, dagster: str) -> str:
    """Return `package` as a requirement, at the version released together with `dagster`.

    Dagster 1.13.27 goes with integrations 0.29.27. A package that is no part of Dagster stays as it is.
    """
    if package in _CORE:
        return f"{package}=={dagster}"
    if not re.fullmatch(r"dagster-[\w-]+", package):
        return package
    parsed = Version(dagster)
    pre = "".join(str(part) for part in parsed.pre or ())
    return f"{package}==0.{parsed.minor + 16}.{parsed.micro}{pre}"


def _minor(number: str) -> tuple[int, int] | None:
    try:
        parsed = Version(number)
    except InvalidVersion:
        return None
    return (parsed.major, parsed.minor)


def _name(minor: tuple[int, int]) -> str:
    return f"{minor[0]}.{minor[1]}"


def conflict(thing: str, missing: Sequence[str], why: Finding) -> Finding:
    """Return why the instance's packages can't be added; `why` as such where it may pass."""
    if why.kind is not FindingKind.CERTAIN:
        return why
    return certain(
        object=thing,
        observed=f"The instance needs {', '.join(missing)}, which does not go with what the project locks.",
        cause=f"uv says: {' '.join((why.evidence or why.observed).split())[-600:]}",
        fix=f"Add {', '.join(missing)} to the project's own dependencies and lock again.",
        evidence=why.evidence,
    )
