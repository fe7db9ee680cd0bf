"""The content of a file or folder of a checkout as a hash, links to other folders of it included."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from playground_ops.targets.common.sources import content_hash

_NOT_CONTENT = {".git", ".venv", "__pycache__"}


def tree_hash(place: Path, checkout: Path) -> str:
    """Return the same for the same names and bytes, whatever the checkout is called."""
    found = hashlib.sha256()
    for tree in _with_linked(place.resolve(), checkout.resolve(), set()):
        name = os.path.relpath(tree, place.resolve())
        sources = [one for one in tree.iterdir() if one.name not in _NOT_CONTENT] if tree.is_dir() else [tree]
        found.update(f"{name}\0{content_hash(sources)}\0".encode())
    return found.hexdigest()[:16]


def _with_linked(place: Path, checkout: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield `place`, and the folders in the checkout to which links below it lead: a build follows them."""
    if place in seen or not place.is_relative_to(checkout):
        return
    seen.add(place)
    yield place
    for folder, below, _ in os.walk(place):
        below[:] = sorted(name for name in below if name not in _NOT_CONTENT)
        for name in below:
            if Path(folder, name).is_symlink():
                yield from _with_linked(Path(folder, name).resolve(), checkout, seen)
