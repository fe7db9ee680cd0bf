"""The content of a file or folder of a checkout as a hash, links to other folders of it included.

What leads out of the checkout is none of it.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from playground_ops.targets.common.repository_files import inside, is_inside, stays_inside
from playground_ops.targets.common.sources import content_hash

_NOT_CONTENT = {".git", ".venv", "__pycache__"}


def tree_hash(place: Path, checkout: Path) -> str:
    """Return the same for the same names and bytes, whatever the checkout is called."""
    found = hashlib.sha256()
    checkout = checkout.resolve()
    wanted = partial(stays_inside, checkout)
    start = inside(checkout, place if place.is_relative_to(checkout) else place.resolve())
    for tree in _with_linked(start, checkout):
        name = os.path.relpath(tree, start)
        sources = [one for one in tree.iterdir() if one.name not in _NOT_CONTENT] if tree.is_dir() else [tree]
        content = content_hash([one for one in sources if wanted(one)], wanted=wanted)
        found.update(f"{name}\0{content}\0".encode(errors="surrogateescape"))
    return found.hexdigest()[:16]


def _with_linked(place: Path, checkout: Path) -> Iterator[Path]:
    """Yield `place`, and the folders in the checkout to which links below it lead: a build follows them."""
    seen: set[Path] = set()
    waiting = [iter([place])]
    while waiting:
        tree = next(waiting[-1], None)
        if tree is None:
            waiting.pop()
        elif tree not in seen:
            seen.add(tree)
            yield tree
            waiting.append(_links_below(tree, checkout))


def _links_below(place: Path, checkout: Path) -> Iterator[Path]:
    """Yield where links to folders lead, in order."""
    for folder, below, _ in os.walk(place):
        below[:] = sorted(name for name in below if name not in _NOT_CONTENT)
        for name in below:
            link = Path(folder, name)
            if link.is_symlink() and is_inside(checkout, link):
                yield inside(checkout, link)
