"""What can be wrong with a release that is there."""

from __future__ import annotations

from playground_ops.errors import Finding, FindingKind
from playground_ops.model import Release


def moved_on(commit: str, found: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"code/{commit}",
        observed=f"The project's own files are {found} here.",
        cause="The release was made by another version of this project, whose files are gone.",
        fix="Redeploy the location instead: it gets the files of this version.",
    )


def no_address(release: Release) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"release/{release.name}",
        observed="Its pod has no address any more.",
        cause="It was deleted, or its node went away, since it was ready.",
        fix="Redeploy.",
    )


def no_answer(release: Release, told: str) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"release/{release.name}",
        observed=f"Its pod is ready, and does not answer from here: {told}.",
        cause="The server died just now, or a network policy lets nobody but the stack reach it.",
        fix="Redeploy; a rollout has to run inside the cluster.",
    )
