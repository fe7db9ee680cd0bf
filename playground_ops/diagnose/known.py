"""An entry of the catalogue of known ends: a pattern, and what it means."""

from dataclasses import dataclass

from playground_ops.core.errors import FindingKind

CERTAIN, TRANSIENT, CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY
CHECKOUT = r"/(?:[0-9a-f]{40}|content-[0-9a-f]+)/"
"""The pattern of a release's own folder in a path."""


@dataclass(frozen=True)
class Known:
    pattern: str
    kind: FindingKind
    cause: str
    fix: str
    in_library: bool = False
    """Whether it means this only where a library, not the code itself, raised it."""
