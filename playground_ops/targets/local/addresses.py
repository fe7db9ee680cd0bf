"""The addresses of code servers: Unix sockets, and a link for each location. Replacing it is the switch."""

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from playground_ops.core.model import Release
from playground_ops.targets.local.folder import reading, writing

_OWN = re.compile(r"-(\d+)\.sock$")


@dataclass(frozen=True)
class Addresses:
    """Unix sockets of the code servers, all in one short runtime folder.

    `serving` is a symbolic link to a release's own socket: replacing it is the switch.
    """

    runtime: Path

    def own(self, release: Release) -> Path:
        return self.numbered(release.location.name, release.number)

    def numbered(self, location: str, number: int) -> Path:
        return self.runtime / f"{location}-{number}.sock"

    def serving(self, location: str) -> Path:
        return self.runtime / f"{location}.location.sock"


def serving_number(addresses: Addresses, location: str) -> int | None:
    """Return the number of the release that the location's address leads to.

    None when it leads nowhere, or is no address that this stack made: the next switch replaces it. Raises
    PlaygroundError (capacity) when it can't be read.
    """
    link = addresses.serving(location)
    try:
        with reading(link):
            found = _OWN.search(_target(link))
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None


def own_number(addresses: Addresses, location: str, socket: str | None) -> int | None:
    """Return the number of the release with this address of its own; None for a location's address."""
    found = _OWN.search(socket or "")
    number = int(found[1]) if found else None
    mine = number is not None and Path(socket or "").name == addresses.numbered(location, number).name
    return number if mine else None


def lead_to(addresses: Addresses, release: Release) -> None:
    """Switch atomically. Raises PlaygroundError (capacity) when it can't be written; nothing moved then."""
    link = addresses.serving(release.location.name)
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    with writing(link):
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(addresses.own(release).name)
        fresh.replace(link)


def _target(link: Path) -> str:
    try:
        return link.readlink().name
    except OSError as error:
        if error.errno == errno.EINVAL:
            return ""  # no link
        raise
