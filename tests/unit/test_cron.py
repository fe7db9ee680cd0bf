"""A cron schedule that the configuration accepts is valid for Dagster, which would not load otherwise."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from dagster._utils.schedules import cron_string_iterator, is_valid_cron_schedule
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.config.quantities import cron_schedule

RANGES = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))


@st.composite
def fields(draw: st.DrawFn) -> str:
    def part(lowest: int, highest: int) -> str:
        first = draw(st.integers(lowest, highest))
        last = draw(st.integers(first, highest))
        step = draw(st.integers(1, 99))
        return draw(
            st.sampled_from(["*", f"*/{step}", f"{first}", f"{first}-{last}", f"{first}-{last}/{step}"])
        )

    return " ".join(",".join(part(*limits) for _ in range(draw(st.integers(1, 2)))) for limits in RANGES)


@given(fields())
def test_what_is_taken_ticks(text: str) -> None:
    taken = cron_schedule(text)
    assert is_valid_cron_schedule(taken)
    assert next(cron_string_iterator(datetime.now(timezone.utc).timestamp(), taken, "UTC"))


@given(
    st.text(alphabet="0123456789*/,- ", min_size=1) | st.lists(st.text("059*/,-", max_size=4)).map(" ".join)
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    try:
        taken = cron_schedule(text)
    except ValueError as error:
        assert str(error).startswith("a cron schedule")
    else:
        assert is_valid_cron_schedule(taken)


@pytest.mark.parametrize(
    "text", ["", "@daily", "0 3 * *", "60 3 * * *", "0 3 31 2 *", "5-1 * * * *", "5/2 * * * *"]
)
def test_these_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a cron schedule"):
        cron_schedule(text)
