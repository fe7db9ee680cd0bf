"""Dagster's versions in a stack: servers of older ones are served, of newer ones not for sure."""

from __future__ import annotations

from collections.abc import Mapping

from playground_ops.errors import Finding, FindingKind


def check(webserver: str, servers: Mapping[str, str]) -> dict[str, list[Finding]]:
    """By location. An older server is what Dagster supports: the host processes are to be upgraded first
    (docs.dagster.io, "Upgrading Dagster"), so only a newer one is told, from its minor version on."""
    own = _minor(webserver)
    newer = {name: version for name, version in servers.items() if own and _minor(version) > own}
    return {name: [_newer(name, version, webserver)] for name, version in newer.items()}


def _minor(version: str) -> tuple[int, ...]:
    """Empty where it is none that can be compared (`1!0+dev` of a checkout)."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _newer(name: str, version: str, webserver: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"location/{name}",
        observed=f"Its server has Dagster {version}; the webserver and the daemon have {webserver}.",
        cause="The location's own dependencies name a Dagster that is newer than the stack's.",
        fix=f"Upgrade the stack first, or hold {name} at {webserver}.",
        whose="surroundings",
    )
