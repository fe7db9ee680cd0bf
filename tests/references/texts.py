"""The texts of keys: the docstrings below the fields of a class. A link in one is relative to `docs/`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import ModuleType

_DEFAULT = re.compile(r"(?:^|\s)Default: (?P<words>.+)\.$", re.DOTALL)
"""The last sentence, where the default is not the field's own: `Default: the cluster's.`"""
_MORE = re.compile(r" \(\[[^\]]*\]\([^)]*\)\)")
"""` ([more](page.md))`, which says nothing without its link."""
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Text:
    meaning: str
    default: str | None

    @property
    def plain(self) -> str:
        """Return all of it without links, for an editor."""
        parts = [self.meaning, f"Default: {self.default}." if self.default else ""]
        return _LINK.sub(r"\1", _MORE.sub("", " ".join(filter(None, parts))))


def text_of(section: type, key: str) -> Text:
    """Raises KeyError for a key without a text."""
    for one in section.__mro__:
        if found := _docstrings(one).get(key):
            default = _DEFAULT.search(found)
            words = default["words"] if default else None
            return Text(_DEFAULT.sub("", found), words)
    raise KeyError(f"`{key}` of {section.__name__} has no docstring below it")


@cache
def _docstrings(section: type) -> dict[str, str]:
    if not section.__module__.startswith("playground_ops."):
        return {}
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(made, ast.ClassDef)
    return _below(made.body)


def constants_of(module: ModuleType) -> dict[str, str]:
    """Return the docstrings below the constants of a module."""
    return _below(ast.parse(inspect.getsource(module)).body)


def _below(body: Sequence[ast.stmt]) -> dict[str, str]:
    found = {}
    for named, text in pairwise(body):
        match named, text:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                found[name] = " ".join(words.split())
    return found
