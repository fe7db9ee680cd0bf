"""Finds the code of `ops` whose repository holds the configuration alone: that of the version it pins.

`python -m playground_ops.targets.kubernetes.inside.own_code CHECKOUT SUBDIRECTORY` prints its folder.

It is the archive of the pod where that has the version, else what was got from the package index for a
release and is kept on the claim. No code of the repository is loaded.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.program import DISTRIBUTION
from playground_ops.render.names import ENVIRONMENTS_FOLDER, PACKAGES_USER, PREPARED_FOLDER, PROJECT_FOLDER
from playground_ops.targets.common.own_version import Pin, is_clone, read_pin
from playground_ops.targets.kubernetes.inside.reporting import EXIT_CERTAIN, not_its_own, reported
from playground_ops.targets.packages.sealed import belongs_to, seal_if_whole

_VERSION = re.compile(r'(?m)^__version__ = "([^"\n]+)"$')


@dataclass(frozen=True)
class Places:
    """Where code of this program may lie in a pod, and whom what is kept must belong to."""

    archive: Path = Path(PROJECT_FOLDER)
    kept: Path = Path(ENVIRONMENTS_FOLDER)
    user: int = PACKAGES_USER


IN_A_POD = Places()


def key(pin: Pin) -> str:
    """Return the name of the folder in which that version is kept."""
    locked = f"-{sha256(' '.join(pin.hashes).encode()).hexdigest()[:12]}" if pin.hashes else ""
    return f"{DISTRIBUTION}-{pin.version}{locked}"


def version_of(folder: Path) -> str:
    """Return the version of the code in that folder; empty where it has none."""
    try:
        found = _VERSION.search((folder / "playground_ops" / "version.py").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return found[1] if found else ""


def code_of(checkout: Path, subdirectory: str, places: Places = IN_A_POD) -> Path:
    """Return the folder with the code; for a clone of this project its own. Raises PlaygroundError."""
    if is_clone(checkout, subdirectory):
        return (checkout / subdirectory).resolve()
    pin = read_pin(checkout, subdirectory)
    if version_of(places.archive) == pin.version:
        return places.archive
    place = places.kept / key(pin)
    if not place.is_dir():
        raise PlaygroundError(_not_kept(pin))
    if not belongs_to(place, places.user) or seal_if_whole(place) is None:
        raise PlaygroundError(not_its_own(f"folder/{place}"))
    return place


def loading(checkout: Path, code: Path, prepared: Path = Path(PREPARED_FOLDER)) -> Path:
    """Return a folder that leads to the code and tells by its name which commit that is of."""
    link = prepared / checkout.name
    link.unlink(missing_ok=True)
    link.symlink_to(code)
    return link


def become(folder: Path, command: Sequence[str]) -> None:
    """Replace this process by one that has the code first on its path, and nothing of the repository."""
    os.chdir(folder)
    os.execvpe(command[0], list(command), {**os.environ, "PYTHONPATH": str(folder)})


def main(arguments: Sequence[str]) -> int:
    try:
        print(code_of(Path(arguments[0]), arguments[1]))
    except PlaygroundError as error:
        reported(error)
        return EXIT_CERTAIN
    return 0


def _not_kept(pin: Pin) -> Finding:
    return transient(
        object=f"package/{DISTRIBUTION}",
        observed=f"Version {pin.version}, which {pin.file} pins, is not kept in the cluster.",
        cause="Its folder was removed from the claim `dagster-artifacts`.",
        fix="Delete the pod of `ops`: the one that replaces it gets it from the package index.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
