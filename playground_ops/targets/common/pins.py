"""Compares what a project requires with what a lock holds. Values in and out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Pins = Mapping[str, Collection[str]]
"""Versions by the canonical name of the package; none where the version is not known: a URL or a path."""


@dataclass(frozen=True)
class Sought:
    """The requirements of a project, for one Python."""

    requirements: Sequence[Requirement]
    by_name_only: Collection[str] = ()
    """Canonical names whose versions a setting decides: a source of their own, or an override."""
    markers: Mapping[str, str] = field(default_factory=dict)
    """Values of environment markers that differ from those of this Python."""
    extras: Sequence[str] = ()

    def applies(self, requirement: Requirement) -> bool:
        if requirement.marker is None:
            return True
        environments = [{**self.markers, "extra": extra} for extra in ("", *self.extras)]
        try:
            return any(requirement.marker.evaluate(dict(one)) for one in environments)
        except ValueError:  # it compares what can't be compared, which the installer tells
            return False


def gaps(sought: Sought, pins: Pins) -> list[str]:
    """Return a phrase for each requirement that `pins` do not meet."""
    found = []
    for requirement in sought.requirements:
        name = canonicalize_name(requirement.name)
        if not sought.applies(requirement):
            continue
        if name not in pins:
            found.append(f"`{requirement.name}` is not in it")
        elif not _meets(requirement, pins[name]) and name not in sought.by_name_only:
            found.append(f"it has {requirement.name} {' and '.join(sorted(pins[name]))}, not `{requirement}`")
    return found


def _meets(requirement: Requirement, versions: Collection[str]) -> bool:
    if requirement.url or not versions:
        return True
    try:
        return any(requirement.specifier.contains(version, prereleases=True) for version in versions)
    except ValueError:  # InvalidVersion, or one of too many digits
        return False
