"""What every section of the file has in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from playground_ops.config import rules
from playground_ops.config.scalars import text_of


class Section(BaseModel):
    # Inputs are hidden in pydantic's own words, which tracebacks show: one may be a URL with a password.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_the_default(cls, value: Any) -> Any:
        """A key whose value, or a section whose keys, are all commented out."""
        if not isinstance(value, dict):
            return value
        return {
            key: inner for key, inner in value.items() if inner is not None or key not in cls.model_fields
        }


def _environment_value(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return text_of(value)


EnvironmentName = Annotated[str, AfterValidator(rules.environment_name)]
EnvironmentValue = Annotated[
    str, BeforeValidator(_environment_value), AfterValidator(rules.environment_value)
]
