"""The base of every section of the file.

A section is also the value that the program reads. Only locations and pods, which releases keep, have more
fields than a person may write: the file has forms of them, which make the values of core.
"""

from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ConfigDict, GetCoreSchemaHandler, ValidationInfo, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from playground_ops.core.frozen_model import FrozenModel


class Section(FrozenModel):
    # Inputs are hidden in pydantic's own words, which tracebacks show: one may be a URL with a password.
    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_the_default(cls, value: Any) -> Any:
        """Drop empty values: a key's value, or all keys of a section, may be commented out."""
        if not isinstance(value, dict):
            return value
        return {
            key: inner for key, inner in value.items() if inner is not None or key not in cls.model_fields
        }


class Form(Section):
    """The part of a value that a person may write; the value has a class of its own."""

    def value(self) -> FrozenModel:
        raise NotImplementedError


@dataclass(frozen=True)
class WrittenAs:
    """Annotates a field that is a form in the file and the form's value in the program."""

    form: type[Form]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._value, handler(source))

    def _value(self, found: Any, info: ValidationInfo) -> Any:
        """Validate the form; pydantic prefixes its faults with the path of the field."""
        if not isinstance(found, dict):
            return found
        return self.form.model_validate(found, context=info.context).value()


def section_of(field: FieldInfo) -> type[Section] | None:
    """Return the section whose keys stand below the field's key; None without one."""
    return _section_in(*field.metadata, field.annotation)


def _section_in(*places: Any) -> type[Section] | None:
    for place in places:
        if isinstance(place, WrittenAs):
            return place.form
        if inner := get_args(place):
            if found := _section_in(*inner):
                return found
        elif isinstance(place, type) and issubclass(place, Section):
            return place
    return None
