"""A page of the documentation as a person follows it: its commands, and what it says they print.

In a page, a block `sh` is run by bash in the folder where the block before ended, and stops at the first
command that fails. A block `text` after it is what it prints: its lines come in this order, there may be
others between them, and `...` stands for anything. A comment `<!-- ends with 1 -->` before a block says that
it fails so.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.session.deadlines import stretched

_PIECE = re.compile(
    r"^(?P<heading>#{1,6} [^\n]+)$|<!-- ends with (?P<ends>\d+) -->|^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Step:
    section: str
    """The heading above it."""
    commands: str
    ends_with: int = 0
    prints: tuple[str, ...] = ()


def steps(page: str) -> list[Step]:
    found: list[Step] = []
    section, ends_with = "", 0
    for piece in _PIECE.finditer(page):
        if piece["heading"]:
            section = piece["heading"].lstrip("# ")
        elif piece["ends"]:
            ends_with = int(piece["ends"])
        elif piece["kind"] == "sh":
            found.append(Step(section, piece["text"], ends_with))
            ends_with = 0
        elif piece["kind"] == "text" and found:
            found[-1] = replace(found[-1], prints=tuple(piece["text"].splitlines()))
    return found


def missing(expected: tuple[str, ...], printed: str) -> str | None:
    """Return the first line of `expected` that is not printed after the ones before it."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in expected:
        wanted = ".*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
        if wanted.strip(".*") and not any(re.fullmatch(wanted, found) for found in lines):
            return line
    return None


@dataclass
class Follower:
    """Who follows a page, in a folder, with an environment of their own."""

    folder: Path
    environment: Mapping[str, str]
    printed: list[str] = field(default_factory=list)
    """What each step has printed."""

    def follow(self, step: Step) -> None:
        """Raises AssertionError where it ends otherwise or prints something else than the page says."""
        left = self.folder / ".left"
        ended = subprocess.run(
            ["bash", "-c", f"trap 'pwd >\"$LEFT\"' EXIT\nset -e\n{step.commands}"],
            cwd=left.read_text().strip() if left.exists() else self.folder,
            env={**self.environment, "LEFT": str(left)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=stretched(180),
            check=False,
        )
        told = f"{step.section}:\n{step.commands}\nended with {ended.returncode} and printed\n{ended.stdout}"
        assert ended.returncode == step.ends_with, told
        lacking = missing(step.prints, ended.stdout)
        assert lacking is None, f"{told}\nNot in it, or not in this order: {lacking}"
        self.printed.append(ended.stdout)
