"""Where things lie: this program's own code, the configuration, and beside that the stack's state.

The code is in a clone or was installed; a stack's configuration and state are never in `site-packages`.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

from playground_ops.config import Configuration, load, read
from playground_ops.core.errors import BadInput, Finding, certain

CONFIGURATION_FILE = "configvalues.yaml"
STATE = ".playground"
INSTALLED = ("site-packages", "dist-packages")


def code_folder() -> Path:
    """Return the folder in which the packages `playground_ops` and `playground` lie."""
    return Path(os.environ.get("PLAYGROUND_PROJECT") or Path(__file__).parent.parent).absolute()


def clone() -> Path | None:
    """Return the clone of this project that the code is run from; None where it was installed."""
    folder = code_folder()
    is_one = folder.name not in INSTALLED and (folder / "pyproject.toml").is_file()
    return folder if is_one and (folder / CONFIGURATION_FILE).is_file() else None


def shipped(name: str) -> Path:
    """Return a file that comes with the program: the clone's own, or the copy that a wheel has of it."""
    own, folder = clone(), Path(__file__).parent
    return own / name if own and (own / name).exists() else folder / "shipped" / name


def configuration_file() -> Path:
    """Return the configuration that nobody named on the command line; it need not be there.

    PLAYGROUND_CONFIG, or `configvalues.yaml` in this folder or one above it, or that of the clone; without
    any the one that would be in this folder. Raises BadInput for one that somebody else may have put there.
    """
    if named := os.environ.get("PLAYGROUND_CONFIG"):
        return Path(named)
    here = Path(os.environ.get("PLAYGROUND_FOLDER") or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        found = folder / CONFIGURATION_FILE
        if found.is_file():
            _must_be_ours(found)
            return found
    own = clone()
    return (own or here) / CONFIGURATION_FILE


def is_missing(found: Path) -> bool:
    """Return whether what `configuration_file` found is not there, and PLAYGROUND_CONFIG does not name it.

    Then the defaults count.
    """
    return "PLAYGROUND_CONFIG" not in os.environ and not found.exists()


def load_configuration(named: Path | None = None) -> Configuration:
    """Read the file that was named, or else is found; the defaults where there is none. Raises BadInput."""
    if named is not None:
        return load(named)
    found = configuration_file()
    return read("", found) if is_missing(found) else load(found)


def home(configuration: Configuration) -> Path:
    """Return the folder of the configuration, beside which a stack's state and objects lie."""
    return Path(configuration.source).parent


def state_folder(configuration: Configuration) -> Path:
    """Return the folder of a local stack: PLAYGROUND_STATE, or `.playground` beside the configuration."""
    if named := os.environ.get("PLAYGROUND_STATE"):
        return Path(named).absolute()
    beside = home(configuration) / STATE
    before = _as_before_0_2(configuration)
    return before if before and not beside.exists() else beside


def _as_before_0_2(configuration: Configuration) -> Path | None:
    """Return the clone's state folder if it is of this configuration; all files had their state there."""
    own = clone()
    if own is None or own == home(configuration):
        return None
    with suppress(OSError, ValueError, AttributeError):
        applied = json.loads((own / STATE / "stack.json").read_text())
        if applied.get("configuration") == configuration.source:
            return own / STATE
    return None


def _must_be_ours(found: Path) -> None:
    """Refuse a file of another user: it says which commands this one runs."""
    owners = {found.lstat().st_uid, found.stat().st_uid} - {os.geteuid(), 0}
    if owners:
        raise BadInput(_of_somebody_else(found, min(owners)))


def _of_somebody_else(found: Path, owner: int) -> Finding:
    return certain(
        object=f"file/{found}",
        observed=f"It was found, and not named, and belongs to user {owner}; this command runs as user "
        f"{os.geteuid()}.",
        cause="Whoever owns it decides which code is run, and may have put it in your way.",
        fix=f"If it is meant, name it: `--config {found}`.",
        whose="surroundings",
    )
