"""The shipped file and the docs: they say what the schema says, and every example in them works."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from playground_ops.config import load, read
from playground_ops.config.configuration import File
from playground_ops.config.section import Section, section_of
from tests.references.examples import SHIPPED, blocks

ROOT = Path(__file__).parents[2]


def test_the_shipped_file_says_the_defaults() -> None:
    shipped = load(SHIPPED)
    assert shipped.model_copy(update={"text": ""}) == read("", SHIPPED)
    assert [(found.name, found.repository, found.automation) for found in shipped.locations] == [
        ("a", None, "on"),
        ("b", None, "off"),
    ]


@pytest.mark.parametrize("example", blocks())
def test_every_example_of_the_shipped_file_is_valid(example: str) -> None:
    rest = SHIPPED.read_text()
    commented = "\n".join(f"# {line}" for line in example.splitlines())
    assert commented in rest
    read(rest.replace(commented, example), SHIPPED)


def test_there_are_examples_of_every_form() -> None:
    assert sorted(example.splitlines()[0] for example in blocks()) == [
        "code_locations:",
        "code_locations:",
        "code_locations:",
        "code_locations:",
        "code_locations:",
        "deployments:",
        "environment:",
        "kubernetes:",
        "ops:",
        "postgres:",
    ]


def test_the_port_that_is_commented_out_is_an_example_too() -> None:
    text = SHIPPED.read_text()
    assert "  # port: 3000\n" in text
    assert read(text.replace("  # port: 3000", "  port: 3000"), SHIPPED).webserver.port == 3000


def test_the_webhooks_that_are_commented_out_are_an_example_too() -> None:
    told = read(SHIPPED.read_text().replace("  # tell:", "  tell:"), SHIPPED).health.tell
    assert [one.form for one in told] == ["json", "slack"]


def sections(above: type[Section]) -> list[type[Section]]:
    """Return each class once, though pods of several components have the same."""
    below = [one for one in map(section_of, above.model_fields.values()) if one]
    return list(dict.fromkeys([above, *(inner for one in below for inner in sections(one))]))


KEYS = [(key, field) for section in sections(File) for key, field in section.model_fields.items()]


@pytest.mark.parametrize("key", sorted({key for key, _ in KEYS}))
def test_every_key_is_in_the_shipped_file_and_in_the_docs(key: str) -> None:
    assert re.search(rf"\b{key}:", SHIPPED.read_text())
    assert key in [told for told, _ in rows()]


@pytest.mark.parametrize(("key", "field"), KEYS, ids=[key for key, _ in KEYS])
def test_the_docs_tell_the_default(key: str, field: FieldInfo) -> None:
    default = field.default
    if default is None or not isinstance(default, str | int | float):
        return
    text = default.value if isinstance(default, Enum) else default
    told = (
        str(text).lower() if isinstance(text, bool) else f"{text:g}" if isinstance(text, float) else str(text)
    )
    assert any(told == default.strip("`") for known, default in rows() if known == key)


def test_the_docs_name_no_key_that_is_not_there() -> None:
    assert {key for key, _ in rows()} == {key for key, _ in KEYS}


def rows() -> list[tuple[str, str]]:
    """Return the last key of each row's path, and its default."""
    lines = (ROOT / "docs/configuration.md").read_text().splitlines()
    cells = [line.split("|") for line in lines if line.startswith("| `")]
    return [(cell[1].strip(" `").split(".")[-1], cell[2].strip()) for cell in cells]
