"""What a value looks like in the file, said beside its rule: for the schema and the tables of the docs.

A shape refuses nothing; the rules do that. It never excludes what they take.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Shape:
    """Annotates a type. Patterns match the whole value and are read alike by Python and JavaScript."""

    words: str = ""
    """For the column `unit, range` of the docs; an outer shape's words count more than an inner one's."""
    pattern: str | None = None
    longest: int | None = None
    not_one_of: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    also: Any = None
    """A type that the file may have in its place, which a validator turns into this one."""


@dataclass(frozen=True)
class Matching:
    """A rule by which a pattern must match the whole value, and the shape that follows from it."""

    pattern: str
    expected: str
    longest: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        compiled = re.compile(self.pattern)

        def rule(value: str) -> str:
            if (self.longest and len(value) > self.longest) or not compiled.fullmatch(value):
                raise ValueError(self.expected)
            return value

        return core_schema.no_info_after_validator_function(rule, handler(source))
