"""Fetches files and repositories that a project names by their address, and the sources on an index.

Credentials of an index go with a request that is to that index, or to a file below its address, and with no
other; a redirect takes none along.
"""

import hashlib
import html
import io
import json
import os
import posixpath
import re
import shutil
import ssl
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import IO
from urllib.parse import urljoin, urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename
from packaging.version import InvalidVersion, Version

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.redact import redact
from playground_ops.targets.common.command import Inherited, TimedOut, quiet_environment, run
from playground_ops.targets.packages.exact import Entry, File, digest
from playground_ops.targets.packages.indexes import Index, Indexes, lies_below, origin, without_indexes
from playground_ops.targets.packages.uv import explain, too_slow

SECONDS = 60.0
"""Seconds in which a server has to say something."""
GIT_SECONDS = 300.0
_PIECE = 1 << 20
_NONE: Mapping[str, str] = MappingProxyType({})
_WITH_MANY = "dagster-pipes"
"""A package that Dagster needs, with a source of each of its releases."""
_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Downloads:
    """Fetches for `thing` into `folder`."""

    thing: str
    folder: Path
    indexes: Indexes

    def file(self, file: File, index: Index | None = None) -> File:
        """Return it at a path, with its hash checked. `index`: the one that it is on, which is given its own
        credentials. Raises PlaygroundError."""
        if file.path is not None:
            return self._verified(file, file.path)
        url = str(file.url)
        place = self.folder / hashlib.sha256(url.encode()).hexdigest()[:12] / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as into:
            self._fetch(url, index, into)
        return self._verified(file, place)

    def source(self, name: str, specifier: str, hashes: frozenset[str]) -> tuple[str, File]:
        """Return the newest source that an index has of a package, and its version. Raises PlaygroundError.

        The first index that has the package is the one, as with uv. `hashes`: which it may have; empty: any.
        """
        wanted = SpecifierSet(specifier)
        for index in self.indexes.every:
            page = self._page(index, name)
            if page is None:
                continue
            found = [(version, file) for version, file in page if wanted.contains(str(version))]
            found = [one for one in found if not hashes or hashes & set(one[1].hashes.values())]
            if found:
                version, file = max(found, key=lambda one: one[0])
                return str(version), self.file(file, index)
            break
        raise PlaygroundError(
            certain(
                object=self.thing,
                observed=f"No index has a wheel or a source of {name}{specifier} for it.",
                cause="The package or the version does not exist there, or has another hash.",
                fix="Correct it, or lock the project again, and push.",
            )
        )

    def is_from(self, url: str, index: Index) -> bool:
        """Return whether the file at `url` is of the index: below its own address, or where its files are."""
        if index.covers(url):
            return True
        if index.url not in self._folders:
            self._folders[index.url] = self._folder(index) if self.indexes.named(index.url) else None
        folder = self._folders[index.url]
        return folder is not None and lies_below(url, folder)

    @cached_property
    def _folders(self) -> dict[str, str | None]:
        return {}

    def _folder(self, index: Index) -> str | None:
        """Return the URL of the folder with the files of an index, by its page of a package that has many."""
        try:
            files = [str(file.url) for _, file in self._page(index, _WITH_MANY) or ()]
        except PlaygroundError:
            return None
        if len({origin(one) for one in files}) != 1:
            return None
        folders = [posixpath.dirname(urlsplit(one).path) for one in files]
        return urljoin(files[0], posixpath.commonpath(folders))

    def repository(self, git: Entry) -> Path:
        """Return a folder with the commit of a repository, and its submodules. Raises PlaygroundError."""
        url, commit = str(git.get("url")), str(git.get("commit-id") or "HEAD")
        place = self.folder / f"git-{hashlib.sha256(f'{url}@{commit}'.encode()).hexdigest()[:12]}"
        if (place / ".git").is_dir():
            return place
        place.mkdir(parents=True)
        self._git(place, "init", "--quiet")
        self._git(place, "remote", "add", "origin", "--", url)
        self._git(place, "fetch", "--quiet", "--depth=1", "--end-of-options", "origin", commit)
        self._git(place, "checkout", "--quiet", "FETCH_HEAD")
        if (place / ".gitmodules").is_file():
            self._git(place, "submodule", "--quiet", "update", "--init", "--recursive")
        return place

    def _git(self, place: Path, *arguments: str) -> None:
        protocols = "https:http:ssh:git"
        variables = {**quiet_environment(without_indexes(os.environ)), "GIT_ALLOW_PROTOCOL": protocols}
        command = ["git", "-c", "core.hooksPath=/dev/null", *arguments]
        try:
            done = run(command, Inherited(variables, place), seconds=GIT_SECONDS)
        except TimedOut as error:
            raise PlaygroundError(too_slow(self.thing, GIT_SECONDS, error.words)) from error
        except FileNotFoundError as error:
            raise PlaygroundError(_no_git(self.thing)) from error
        if done.code != 0:
            raise PlaygroundError(explain(self.thing, f"Git operation failed\n{done.words}"))

    def _page(self, index: Index, name: str) -> list[tuple[Version, File]] | None:
        url = f"{index.url}/{canonicalize_name(name)}/"
        page = io.BytesIO()
        try:
            self._fetch(url, index, page, {"Accept": f"{_JSON}, text/html;q=0.1"})
        except _NotThere:
            return None
        try:
            return list(_listed(page.getvalue().decode(errors="replace"), url))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PlaygroundError(explain(self.thing, f"error decoding response of {redact(url)}")) from error

    def _fetch(
        self, url: str, index: Index | None, into: IO[bytes], headers: Mapping[str, str] = _NONE
    ) -> None:
        request = urllib.request.Request(url, headers={"User-Agent": "playground-ops", **headers})
        if urlsplit(url).scheme not in ("https", "http"):
            raise PlaygroundError(_no_address(self.thing, url))
        own = index if index is not None and _is_of(index, url) else self.indexes.covering(url)
        for name, value in own.authorization().items() if own else ():
            request.add_unredirected_header(name, value)
        try:
            with urllib.request.urlopen(
                request, timeout=SECONDS, context=ssl.create_default_context()
            ) as answer:
                shutil.copyfileobj(answer, into, _PIECE)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410) and headers:
                raise _NotThere from error
            words = f"HTTP status client error ({error.code}) for url ({url})"
            words = words if error.code < 500 else f"HTTP status server error ({error.code}) for url ({url})"
            raise PlaygroundError(explain(self.thing, redact(words))) from error
        except OSError as error:
            raise PlaygroundError(_away(self.thing, url, error)) from error

    def _verified(self, file: File, place: Path) -> File:
        for name, value in file.hashes.items():
            if name not in hashlib.algorithms_guaranteed or digest(place, name) != value:
                raise PlaygroundError(explain(self.thing, f"Hash mismatch for `{file.name}`"))
        return File.at(place)


class _NotThere(Exception):
    """The index has no such package."""


def unpacked(source: File, folder: Path) -> Path:
    """Return the one folder in a source's archive, unpacked in `folder`. Raises ValueError, OSError."""
    assert source.path is not None
    folder.mkdir(parents=True)
    if source.name.endswith(".zip"):
        with zipfile.ZipFile(source.path) as archive:
            archive.extractall(folder)
    else:
        if not hasattr(tarfile, "data_filter"):
            raise ValueError("this Python can't unpack it safely")
        with tarfile.open(source.path) as archive_:
            archive_.extractall(folder, filter="data")
    (found,) = folder.iterdir()
    return found


def _is_of(index: Index, url: str) -> bool:
    return origin(index.url) == origin(url)


def _listed(text: str, url: str) -> Iterator[tuple[Version, File]]:
    """Yield the sources on an index's page of a package (PEP 503 or 691) that are not withdrawn."""
    if text.lstrip().startswith("{"):
        found = [
            (one["filename"], one["url"], one.get("hashes", {}))
            for one in json.loads(text)["files"]
            if not one.get("yanked")
        ]
    else:
        anchors = re.findall(r"<a\s([^>]*)>([^<]*)</a>", text, re.I)
        pairs = [
            (re.search(r"href=[\"']([^\"']*)", one), name)
            for one, name in anchors
            if "data-yanked" not in one
        ]
        links = [(html.unescape(name.strip()), html.unescape(one[1])) for one, name in pairs if one]
        found = [(name, link.partition("#")[0], _hash(link)) for name, link in links]
    for name, link, hashes in found:
        try:
            version = parse_sdist_filename(name)[1]
        except (InvalidSdistFilename, InvalidVersion):
            continue
        yield version, File(hashes, url=urljoin(url, link))


def _hash(link: str) -> dict[str, str]:
    name, _, value = link.partition("#")[2].partition("=")
    return {name: value} if value else {}


def _away(thing: str, url: str, error: OSError) -> Finding:
    return transient(
        object=thing,
        observed=f"{redact(url)} can't be fetched: {error}.",
        cause="The network or the server had a hiccup, or there is no such server.",
        fix="It is tried again; else correct the address, or have the package on an index.",
    )


def _no_address(thing: str, url: str) -> Finding:
    return certain(
        object=thing,
        observed=f"It needs a file at {redact(url)}, which is no address on the web.",
        cause="Only `https:` and `http:` are followed.",
        fix="Commit the file, or have the package on an index.",
    )


def _no_git(thing: str) -> Finding:
    return certain(
        object=thing,
        observed="It needs a package from a git repository, and there is no git here.",
        cause="The image of the location has none.",
        fix="Name an image with git as the location's `pod: image:`, or depend on a released version.",
    )
