"""What can be missing of a stack on this machine."""

from __future__ import annotations

from pathlib import Path

from playground_ops.errors import Finding, FindingKind


def not_deployed(file: Path) -> Finding:
    corrupt = file.with_name(f"{file.name}.corrupt")
    return Finding(
        kind=FindingKind.CAPACITY,
        object="stack",
        observed=f"{file.name} could not be read and was set aside as {corrupt}."
        if corrupt.exists()
        else "No stack is deployed here.",
        cause="The disk was full, or somebody edited it."
        if corrupt.exists()
        else "It was never bootstrapped, or its data was deleted.",
        fix="Run `python -m playground_ops.bootstrap`, or launch the `deploy` job: it writes it anew.",
    )


def no_log(component: str, folder: Path) -> Finding:
    known = sorted(path.stem for path in folder.glob("*.log"))
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"component/{component}",
        observed="It has no log here.",
        cause=f"There are logs of: {', '.join(known) or 'nothing yet'}.",
        fix="Name one of these, or a location that serves.",
    )
