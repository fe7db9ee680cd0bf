"""The known keys, and the one that an unknown key may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from playground_ops.config.fault import Steps
from playground_ops.config.schema import File
from playground_ops.config.shown import path_of

_CALLED_OTHERWISE = re.compile(r"(?<![a-z])(branch|tag|commit|revision|rev)(?![a-z])")
"""What a `ref` is called elsewhere. As a word by itself: `\\b` takes an underscore for a letter."""


def keys_at(steps: Steps) -> list[str]:
    model: type[BaseModel] = File
    for step in steps:
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return sorted(model.model_fields)


def meant(key: str, steps: Steps) -> str:
    """What to do about an unknown key that stands under `steps`."""
    known = keys_at(steps)
    as_ref = _CALLED_OTHERWISE.sub("ref", key.lower())
    if as_ref in known:
        return f"Did you mean `{as_ref}`?"
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean `{near[0]}`?"
    elsewhere = [path for path in every_path(File) if path[-1] == key.lower()]
    if elsewhere:
        return f"Did you mean `{path_of(elsewhere[0])}`?"
    near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.0)
    return f"Remove it; the nearest known key is `{near[0]}`."


def every_path(model: type[BaseModel], above: Steps = ()) -> Iterator[Steps]:
    """Of all keys below `model`, in the order of the schema; 0 stands for any item of a list."""
    for key, field in model.model_fields.items():
        yield (*above, key)
        inner = _model_in(field.annotation)
        if inner is not None:
            listed: Steps = (0,) if key == "code_locations" else ()
            yield from every_path(inner, (*above, key, *listed))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
