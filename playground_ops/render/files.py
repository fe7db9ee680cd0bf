"""Rendered objects as text: one file a component, reproducible, with a digest that shows edits."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from playground_ops.core.yaml_text import dumper
from playground_ops.render.stack import Rendered

_HEAD = """\
# Made by `python -m playground_ops generate` from {source}. Change that, and generate again:
# edited files are not overwritten without --force. Content: {digest}
"""
_MARK = " Content: "
_ORDER = {
    "foundation": 0,
    "configuration": 1,
    "postgres": 1,
    "instance": 2,
    "workspace": 2,
    "webserver": 4,
    "webserver-read-only": 4,
    "daemon": 4,
    "releases": 5,
}
LOCATIONS = 3


@dataclass(frozen=True)
class Folder:
    """The changes that generating would make to a folder."""

    write: Mapping[str, str]
    """New or different files, by name."""
    delete: tuple[str, ...]
    """Files generated earlier, for components that no longer exist."""
    edited: tuple[str, ...]
    """Files of both kinds that somebody edited since they were generated."""


def files(rendered: Rendered, source: str) -> dict[str, str]:
    """Return the texts by file name. Names sort in the order of applying, which is kubectl's order too."""
    found = {}
    for component, objects in rendered.items():
        dumped = [yaml.dump(one, Dumper=_Dumper, **_LAYOUT) for one in objects]
        body = "".join(f"---\n{text}" for text in dumped)
        head = _HEAD.format(source=source, digest=_digest(body))
        found[f"{_order(component)}-{component}.yaml"] = head + body
    return found


def _order(component: str) -> int:
    """Return the place of a component: that of a deployment has the one of the main one's."""
    kinds = [kind for kind in _ORDER if component == kind or component.startswith(f"{kind}-")]
    return _ORDER[max(kinds, key=len)] if kinds else LOCATIONS


def compare(wanted: Mapping[str, str], there: Mapping[str, str]) -> Folder:
    """Compare; `there` holds all files of the folder. Files that were not generated are left alone."""
    made = {name: text for name, text in there.items() if _MARK in text.partition("---\n")[0]}
    write = {name: text for name, text in wanted.items() if there.get(name) != text}
    delete = tuple(sorted(made.keys() - wanted.keys()))
    touched = sorted({*write, *delete} & there.keys())
    return Folder(write, delete, tuple(name for name in touched if is_edited(there[name])))


def is_edited(text: str) -> bool:
    """Return whether a file was edited, or never was generated."""
    head, separator, body = text.partition("---\n")
    written = head.strip().rpartition(_MARK)[2]
    return _digest(separator + body) != written


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


_Base: Any = dumper()


class _Dumper(_Base):  # type: ignore[misc]
    """Writes text of several lines as a block, and never uses YAML aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_NO_TEXT_TO_KUBECTL = re.compile(
    r"[yYnN]|[-+]?(0[xX][\da-fA-F]+|0[bB][01]+|0[oO][0-7]+|(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?)", re.ASCII
)
"""Text to Python that kubectl's YAML (go-yaml) takes for a boolean or number, underscores aside."""


def _text(dumper: Any, value: str) -> Any:
    style = "|" if "\n" in value else "'" if _NO_TEXT_TO_KUBECTL.fullmatch(value.replace("_", "")) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_LAYOUT: dict[str, Any] = {"sort_keys": False, "width": 100, "default_flow_style": False}
