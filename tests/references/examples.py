"""The examples of the shipped file: its blocks that are commented out, and the values that stand in them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from playground_ops.config.configuration import File
from playground_ops.config.section import Section
from tests.references.types import of_field

SHIPPED = Path(__file__).parents[2] / "configvalues.yaml"
_LONGEST = 200
Examples = dict[tuple[type[Section], str], list[Any]]
"""By the class and the key."""


def blocks() -> list[str]:
    """Return the blocks that are commented out, each from a key at the margin on."""
    found: list[list[str]] = []
    inside = False
    for line in SHIPPED.read_text().splitlines():
        if re.match(r"# [a-z_]+:$", line):
            found.append([])
            inside = True
        elif not re.match(r"#(   |$)", line) or line == "#":
            inside = False
        if inside:
            found[-1].append(line[2:])
    return ["\n".join(block) for block in found]


def documents() -> list[str]:
    """Return the file as it is, then with each block and each single line that is commented out, in turn."""
    whole = SHIPPED.read_text()
    found = [whole]
    for block in blocks():
        commented = "\n".join(f"# {line}" for line in block.splitlines())
        assert commented in whole
        found.append(whole.replace(commented, block))
    lines = [line for one in found for line in one.splitlines()]
    singles = dict.fromkeys(line for line in lines if re.match(r" +# (?:- )?[a-z_]\w*: ", line))
    for line in singles:
        at = next(one for one in found if line in one.splitlines())
        found.append(_with_line(at, line))
    return found


def _with_line(document: str, line: str) -> str:
    """Take the `# ` off a line. A store that stands beside another one takes its place."""
    lines = document.splitlines()
    place = lines.index(line)
    lines[place] = line.replace("# ", "", 1)
    margin = len(line) - len(line.lstrip())
    if "azure:" in line or "gcs:" in line or "s3:" in line:
        lines = [
            one
            for index, one in enumerate(lines)
            if index == place or not re.match(rf" {{{margin}}}(s3|gcs|azure):", one)
        ]
    return "\n".join(lines)


@cache
def examples() -> Examples:
    found: Examples = {}
    for document in documents():
        _collect(File, yaml.load(document, yaml.BaseLoader), yaml.safe_load(document), found)
    return found


def _collect(section: type[Section], written: Any, read: Any, found: Examples) -> None:
    if not isinstance(read, dict):
        return
    for key, value in read.items():
        field = section.model_fields[key]
        of = of_field(field)
        item = of.inner[0] if of.is_list else of
        if item.section:
            inside = value if isinstance(value, list) else [value]
            as_written = written[key] if isinstance(value, list) else [written[key]]
            for text, one in zip(as_written, inside, strict=True):
                _collect(item.section, text, one, found)
        if not item.section and not of.choices and _is_worth_it(value, field.default):
            shown = written[key] if of.plain is str and not isinstance(value, bool) else value
            seen = found.setdefault((section, key), [])
            if shown not in seen:
                seen.append(shown)


def _is_worth_it(value: Any, default: Any) -> bool:
    return value not in (None, [], True, False, default) and len(json.dumps(value, default=str)) <= _LONGEST
