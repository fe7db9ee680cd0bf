"""What the models of files have in common: values of exactly their type, and any other key besides."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, StrictStr

Strings = list[StrictStr]
Table = dict[str, Any]


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class Keys(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True, strict=True, extra="ignore")


class Dashed(Keys):
    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=_dashed)


class Source(Keys):
    """A package index, as Poetry, PDM and pipenv list them."""

    name: StrictStr | None = None
    url: StrictStr | None = None
