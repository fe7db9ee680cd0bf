"""The tables of `docs/configuration.md`, each between its markers; what is around them is written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydantic.fields import FieldInfo

from playground_ops.config.configuration import File
from playground_ops.config.deployment_section import Deployment
from playground_ops.config.kubernetes_section import KubernetesSettings, PostgresSettings
from playground_ops.config.location_section import LocationSection, RepoSection
from playground_ops.config.pod_section import PodSection
from playground_ops.config.section import Section
from tests.references.texts import text_of
from tests.references.types import Typed, of_field

PATH = Path(__file__).parents[2] / "docs/configuration.md"
_MARKED = re.compile(
    r"(?P<begin><!-- table: (?P<name>\w+), [^\n]*-->\n)\n.*?\n(?P<end><!-- end of table -->)", re.DOTALL
)
_HEAD = "| key | default | unit, range | meaning |\n|---|---|---|---|\n"
_UNIT = re.compile(r"(?:^|_)(seconds|minutes|days)$")
_TABLES: dict[str, tuple[type[Section], tuple[str, ...]]] = {
    "stack": (File, tuple(File.model_fields)),
    "kubernetes": (File, ("kubernetes", "postgres")),
    "pods": (PodSection, tuple(PodSection.model_fields)),
    "deployments": (Deployment, tuple(Deployment.model_fields)),
    "code_locations": (LocationSection, tuple(LocationSection.model_fields)),
}
"""The section of each table, and its keys there."""
_ELSEWHERE: dict[type[Section], str] = {
    KubernetesSettings: "kubernetes",
    PostgresSettings: "kubernetes",
    PodSection: "pods",
    Deployment: "deployments",
    LocationSection: "code_locations",
    RepoSection: "code_locations",
}
"""Sections whose keys stand in another table than the first one that comes to them."""


@dataclass(frozen=True)
class Row:
    path: str
    """The keys that lead to it from the table's own section, as `volumes[].name`."""
    default: str
    values: str
    meaning: str

    def __str__(self) -> str:
        cells = (f"`{self.path}`", self.default, self.values, self.meaning)
        return "| " + " | ".join(one.replace("|", r"\|") for one in cells) + " |"


def tables() -> dict[str, list[Row]]:
    made = _Made()
    return {name: list(made.rows(name, section, keys, "")) for name, (section, keys) in _TABLES.items()}


class _Made:
    """Expands each section once, where it stands first."""

    def __init__(self) -> None:
        self._below: dict[type[Section], str] = {}
        """The key that a section was expanded below."""

    def rows(self, table: str, section: type[Section], keys: Iterable[str], above: str) -> Iterator[Row]:
        for key in keys:
            field = section.model_fields[key]
            of, text, path = of_field(field), text_of(section, key), above + key
            inner = (of.inner[0] if of.is_list else of).section
            values = values_of(of, key)
            if inner in self._below and self._below[inner] != path:
                values += f", as `{self._below[inner]}`"
            yield Row(path, text.default or default_of(field), values, text.meaning)
            if inner and inner not in self._below and _ELSEWHERE.get(inner, table) == table:
                self._below[inner] = path
                yield from self.rows(table, inner, self._own(inner), f"{path}{'[]' if of.is_list else ''}.")

    def _own(self, section: type[Section]) -> list[str]:
        """Return the keys that no section above it in the class has had already."""
        had = {key for base in section.__mro__[1:] if base in self._below for key in base.model_fields}
        return [key for key in section.model_fields if key not in had]


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, int | float):
        return f"{default:g}"
    if isinstance(default, str):
        return f"`{default}`"
    return "none" if default is None or default == () or field.default_factory else ""


def values_of(of: Typed, key: str = "") -> str:
    """Return the column `unit, range`."""
    if words := [shape.words for shape in of.shapes if shape.words]:
        return words[-1]
    if of.choices:
        return ", ".join(f"`{one}`" for one in of.choices)
    if of.is_list:
        return f"list of {_several(values_of(of.inner[0]))}"
    if of.is_mapping:
        return f"mapping of {_several(values_of(of.inner[1]))}"
    if of.plain in (int, float):
        unit = _UNIT.search(key)
        return ", ".join(filter(None, [unit[1] if unit else "", _range(of)]))
    return "mapping" if of.section else "`true`, `false`" if of.plain is bool else "text"


def _range(of: Typed) -> str:
    lowest, highest = of.bound("ge"), of.bound("le")
    if highest is None:
        return f"at least {lowest}"
    return f"{lowest} to {highest}" if lowest is not None else f"to {highest}"


def _several(words: str) -> str:
    if words == "text" or not words[-1].isalpha():
        return words
    return f"{words[:-1]}ies" if words.endswith("ty") else f"{words}s"


def written(page: str) -> str:
    """Return the page with its tables as the classes say. Raises KeyError for a marker without a table."""
    rows = tables()

    def table(found: re.Match[str]) -> str:
        lines = "\n".join(map(str, rows.pop(found["name"])))
        return f"{found['begin']}\n{_HEAD}{lines}\n\n{found['end']}"

    made = _MARKED.sub(table, page)
    assert not rows, f"{PATH.name} has no markers for {', '.join(rows)}"
    return made
