"""The documentation as a reader meets it: pages, their headings, their links, and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from tests.stacks import ROOT

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^ *```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`)(?P<text>.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\((?P<to>[^()\s]+(?:\([^()\s]*\))?)\)")
_COMMAND = re.compile(
    r"(?:uv run |uvx )?(?:python -m playground_ops(?:\.bootstrap)?|playground-ops)(?= |$)[^`#|&;<>]*"
)


def pages() -> list[Path]:
    """Return every page of the site, and what lies beside the code."""
    return [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted(DOCS.rglob("*.md")),
    ]


def links(page: Path) -> Iterator[str]:
    """Yield where its links and pictures lead, as they are written."""
    prose = _CODE.sub("", _FENCE.sub("", page.read_text()))
    yield from (found["to"] for found in _LINK.finditer(prose))


def anchors(page: Path) -> set[str]:
    """Return those of its headings as forges and the site make them: both must agree for a link to work."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *$", _FENCE.sub("", page.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {
        name if not number else f"{name}-{number}"
        for name, times in found.items()
        for number in range(times + 1)
    }


def blocks(page: Path, kind: str) -> list[str]:
    return [found["text"] for found in _FENCE.finditer(page.read_text()) if found["kind"] == kind]


def commands(page: Path) -> Iterator[str]:
    """Yield the commands of this project that it tells to run, without what surrounds them."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        if found["kind"] not in ("text", "yaml", "json"):
            for line in found["text"].replace("\\\n", " ").splitlines():
                yield from (command[0].strip() for command in _COMMAND.finditer(line))
    for code in _CODE.finditer(_FENCE.sub("", text)):
        if command := _COMMAND.match(" ".join(code["text"].split())):
            yield command[0].strip()


@dataclass
class Served(HTMLParser):
    """What a page of the site has, and what it points at."""

    ids: set[str] = field(default_factory=set)
    leads_to: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    """Scripts, styles and pictures: a browser fetches them to show the page."""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.leads_to.append(found["href"])
        if "src" in found:
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preconnect", "preload", "prefetch"):
            self.loads.append(found["href"])
