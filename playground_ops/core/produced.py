"""What a location has made of its assets, as values: numbers, columns and checks, never the data."""

from typing import Literal

from pydantic import ConfigDict, Field

from playground_ops.core.errors import Finding
from playground_ops.core.frozen_model import FrozenModel

Number = bool | int | float
ROWS = "dagster/row_count"
"""The label under which Dagster's libraries report how many rows an asset has."""
COMPARED = "playground/compare"
"""A tag on the runs that a comparison launched; its value is what was compared."""

CheckState = Literal["passes", "warns", "fails", "did not end"]
"""The latest evaluation. `warns`: did not pass, at severity WARN. `did not end`: its run failed before."""


class Value(FrozenModel):
    """A value that may hold numbers that JSON has no word for: they are written as strings there."""

    model_config = ConfigDict(ser_json_inf_nan="strings")


class Column(FrozenModel):
    name: str
    type: str


class CheckSeen(FrozenModel):
    name: str
    state: CheckState
    of_earlier: bool = False
    """Whether it looked at an earlier materialization than the latest one."""


class Wanted(FrozenModel):
    """The question about one asset."""

    key: str
    """Its components joined by `/`."""
    checks: tuple[str, ...] = ()
    partition: str | None = None
    """None: the newest materialization, whichever partition it is of."""


class Produced(Value):
    """The latest materialization of one asset by one location, or the latest one of a partition."""

    key: str
    at: str
    """In UTC, ISO 8601."""
    run_id: str | None = None
    """None: it was reported from outside of a run."""
    release: int | None = None
    """The number of the release whose code made it; None where nothing tells."""
    commit: str | None = None
    """That release's commit, where it is on record."""
    partition: str | None = None
    numbers: dict[str, Number] = Field(default_factory=dict)
    """Its numeric metadata, by label."""
    columns: tuple[Column, ...] | None = None
    """None: it reported no schema."""
    checks: tuple[CheckSeen, ...] = ()
    """Those that were evaluated at all."""
    seconds: float | None = None
    """How long its step took, which may have made other assets too."""


class Launch(FrozenModel):
    """A run that is to materialize assets of one repository."""

    location: str
    repository: str
    keys: tuple[str, ...]
    tags: dict[str, str] = Field(default_factory=dict)


class RunSeen(FrozenModel):
    """The state of a run."""

    status: str
    """Dagster's word: QUEUED, STARTED, SUCCESS and so on."""
    finding: Finding | None = None
    """Why it did not succeed; None while it is under way, and for a success."""

    @property
    def is_over(self) -> bool:
        return self.status == "SUCCESS" or self.finding is not None
