"""What every section of the file has in common.

A section is the value that the program reads, too. A location and a pod are richer than what a person may
write of them, and releases keep them: the file has forms of these, which give the values of core.
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
        """A key whose value, or a section whose keys, are all commented out."""
        if not isinstance(value, dict):
            return value
        return {
            key: inner for key, inner in value.items() if inner is not None or key not in cls.model_fields
        }


class Form(Section):
    """It is what a person may write of a value that has a class of its own."""

    def value(self) -> FrozenModel:
        raise NotImplementedError


@dataclass(frozen=True)
class WrittenAs:
    """It annotates a field that is a form in the file, and the form's value to whoever reads it."""

    form: type[Form]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._value, handler(source))

    def _value(self, found: Any, info: ValidationInfo) -> Any:
        """Pydantic puts the path of the field before those of the faults that the form raises."""
        if not isinstance(found, dict):
            return found
        return self.form.model_validate(found, context=info.context).value()


def section_of(field: FieldInfo) -> type[Section] | None:
    """It is the one whose keys stand below that of the field."""
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
