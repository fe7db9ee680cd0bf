"""Scalars of the file, which remember how they were written.

YAML reads `1.10` as 1.1 and `0123456` as 42798; as a branch or a commit they mean what is written.
"""

from contextlib import suppress
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

_TAG = "tag:yaml.org,2002:"
_AS_TEXT = ("str", "timestamp", "value")
_CONSTRUCTOR = SafeConstructor()


class Written:
    """A number, and the text that stands in the file."""

    text: str


class WrittenInt(int, Written):
    pass


class WrittenFloat(float, Written):
    pass


def known_tag(tag: str) -> bool:
    kinds = (*_AS_TEXT, "int", "float", "bool", "null", "map", "seq")
    return tag.removeprefix(_TAG) in kinds and tag.startswith(_TAG)


def scalar(node: yaml.ScalarNode) -> Any:
    """Return None, bool, WrittenInt, WrittenFloat or str; text where YAML's own rule for the type fails."""
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    if kind == "null":
        return None
    with suppress(ValueError, KeyError):  # `0b_`, 5000 digits, `!!bool perhaps`
        if kind == "bool":
            return _CONSTRUCTOR.construct_yaml_bool(node)
        number: WrittenInt | WrittenFloat | None = None
        if kind == "int":
            number = WrittenInt(_CONSTRUCTOR.construct_yaml_int(node))
        elif kind == "float":
            number = WrittenFloat(_CONSTRUCTOR.construct_yaml_float(node))
        if number is not None:
            number.text = text
            return number
    return text


def text_of(value: Any) -> Any:
    """Return a number as it was written; anything else unchanged."""
    return value.text if isinstance(value, Written) else value
