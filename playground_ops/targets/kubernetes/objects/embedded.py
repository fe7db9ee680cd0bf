"""Texts within objects that are documents themselves, such as the configuration in its ConfigMap. Pure."""

from collections.abc import Mapping
from typing import Any

import yaml

from playground_ops.config.document import document
from playground_ops.config.scalars import text_of

LAYOUT = "the same values, with other comments, order or layout"


def mapping_in(value: Any) -> Mapping[str, Any] | None:
    """Return the mapping that a text of YAML or JSON holds; None for any other value."""
    if not isinstance(value, str) or ":" not in value:
        return None
    try:
        found = document(value).content
    except (yaml.YAMLError, ValueError):
        return None
    return _as_written(found) if isinstance(found, dict) else None


def _as_written(value: Any) -> Any:
    """Return numbers as they were written: as a branch, 1.10 is not 1.1."""
    if isinstance(value, dict):
        return {key: _as_written(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_written(inner) for inner in value]
    return text_of(value)
