"""What a candidate must pass before the switch. Each gate is one function; a failure is a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from playground_ops.errors import Finding, FindingKind, RolloutFailed
from playground_ops.model import LoadedCode, Release

SHOWN_KEYS = 5


def commit_is_the_one_asked_for(release: Release, loaded: LoadedCode, expected_directory: str) -> None:
    """The folder that the process loaded from lies in the checkout of the release's commit."""
    expected = PurePath(expected_directory)
    foreign = [
        found
        for found in loaded.working_directories
        if expected != PurePath(found) and expected not in PurePath(found).parents
    ]
    if foreign or not loaded.working_directories:
        seen = ", ".join(foreign) or "no folder at all"
        raise RolloutFailed(
            Finding(
                kind=FindingKind.TRANSIENT,
                object=f"release/{release.name}",
                observed=f"The server loaded its code from {seen}, not from {expected}.",
                cause="Another server answers at the candidate's address, or the checkout was moved.",
                fix="Redeploy; if it happens again, run `down` and bootstrap.",
            )
        )


def shared_asset_keys(loaded: LoadedCode, others: Mapping[str, Sequence[str]]) -> list[str]:
    """A warning for each other location that defines some of the same asset keys."""
    mine = set(loaded.asset_keys)
    warnings = []
    for location, keys in sorted(others.items()):
        shared = sorted(mine.intersection(keys))
        if not shared:
            continue
        more = f" and {len(shared) - SHOWN_KEYS} more" if len(shared) > SHOWN_KEYS else ""
        warnings.append(
            f"{len(shared)} asset key(s) are also defined by location {location}: "
            f"{', '.join(shared[:SHOWN_KEYS])}{more}. To Dagster they are one asset: a materialization in "
            "one location shows in the other. Prefix the keys with PLAYGROUND_LOCATION to keep them apart."
        )
    return warnings
