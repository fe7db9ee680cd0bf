"""The sentence in which a pod of `ops` tells the version of this program that its repository pins."""

import re

DISTRIBUTION = "playground-ops"
"""The name on a package index; that of the script is in `commands.py`."""
_TOLD = re.compile(rf"Its code is {DISTRIBUTION} (\S+), which ")


def told(version: str, file: str) -> str:
    """Return the sentence. `file` pins the version."""
    return f"Its code is {DISTRIBUTION} {version}, which `{file}` pins."


def version_told(sentence: str) -> str | None:
    """Return the version in it; None where it is another sentence."""
    found = _TOLD.match(sentence)
    return found[1] if found else None
