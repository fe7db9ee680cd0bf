"""The content of an environment: its Dagster, and the instance's packages, added without changing others."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError, certain
from playground_ops.targets.packages.uv import Uv, explain, tail

OLDEST, NEWEST = (1, 11), (1, 13)
"""Minor versions of Dagster whose code servers the stack's webserver and daemon support."""

# Released together with Dagster under Dagster's own number; all other integrations are 0.(minor + 16).
_CORE = {"dagster", "dagster-graphql", "dagster-pipes", "dagster-shared", "dagster-webserver"}


def installed(place: Path) -> dict[str, str]:
    """Return versions by name; names are lower-case words with dashes."""
    return {canonicalize_name(found.metadata["Name"]): found.version for found in _distributions(place)}


@dataclass(frozen=True)
class Taken:
    """What an installation took from files, and not from an index."""

    places: Mapping[str, Path]
    """Real paths by the name of the package."""
    linked: Sequence[str]
    """Names of packages that are links to their sources."""


def taken(place: Path) -> Taken:
    """Read what each package of the environment says of its origin (PEP 610)."""
    places, linked = {}, []
    for found in _distributions(place):
        origin = _origin(found)
        url = urlsplit(str(origin.get("url", "")))
        if url.scheme == "file" and "vcs_info" not in origin:
            places[found.metadata["Name"]] = Path(unquote(url.path)).resolve()
        if (origin.get("dir_info") or {}).get("editable"):
            linked.append(found.metadata["Name"])
    return Taken(places, linked)


def _origin(found: Distribution) -> Mapping[str, Any]:
    """Return what the installer wrote; nothing where a package brought a file of that name with it."""
    try:
        told = json.loads(found.read_text("direct_url.json") or "{}")
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def check_copied(found: Taken, thing: str) -> None:
    """Raise PlaygroundError when a package of the repository was linked, not copied in."""
    if found.linked:
        raise PlaygroundError(
            certain(
                object=thing,
                observed=f"uv installed {found.linked[0]} as a link to its sources.",
                cause="This uv is older than 0.11.12 and can't do otherwise.",
                fix="Upgrade it (`pip install --upgrade uv`), or lock the project with `uv lock`.",
            )
        )


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


def lay_over(packages: Sequence[str], dagster: str, place: Path, uv: Uv) -> None:
    """Add `packages` at the versions that go with `dagster`; installed packages stay as they are.

    Raises PlaygroundError: certain, naming the packages, when that fails.
    """
    before = installed(place)
    missing = [goes_with(name, dagster) for name in packages if name not in before]
    if not missing:
        return
    uv.say(f"Adding what the instance needs: {', '.join(missing)}.")
    pins = place / ".locked.txt"
    pins.write_text("".join(f"{name}=={number}\n" for name, number in sorted(before.items())))
    python = str(place / "bin" / "python")
    finished = uv.run(["pip", "install", "--python", python, "--constraints", str(pins), "--", *missing])
    if finished.code != 0:
        raise PlaygroundError(_conflict(uv.thing, missing, finished.words))
    after = installed(place)
    moved = sorted(name for name, number in before.items() if after.get(name) != number)
    if moved:
        raise PlaygroundError(_conflict(uv.thing, missing, f"It would have moved {', '.join(moved)}."))


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


def _conflict(thing: str, missing: Sequence[str], words: str) -> Finding:
    why = explain(thing, words)
    if why.kind is not FindingKind.CERTAIN and "would have moved" not in words:
        return why
    return certain(
        object=thing,
        observed=f"The instance needs {', '.join(missing)}, which does not go with what the project locks.",
        cause=f"uv says: {' '.join(tail(words).split())[-600:]}",
        fix=f"Add {', '.join(missing)} to the project's own dependencies and lock again.",
        evidence=tail(words),
    )
