"""The bootstrap definitions: what a code location serves until it has a repository of its own.

The same package is served by several locations at once. To Dagster an asset key is one asset whoever
defines it, so every key here begins with the location's name.
"""

import os

import dagster as dg

from playground import values

LOCATION = os.environ.get("PLAYGROUND_LOCATION", "playground")


@dg.asset(key_prefix=[LOCATION], group_name="playground")
def numbers() -> list[int]:
    """A few numbers to begin with."""
    return [3, 1, 4, 1, 5, 9, 2, 6]


@dg.asset(key_prefix=[LOCATION], group_name="playground")
def total(numbers: list[int]) -> dg.MaterializeResult[int]:
    """Their sum."""
    return dg.MaterializeResult(value=sum(numbers), metadata={"sum": sum(numbers)})


@dg.asset_check(asset=total)
def total_is_positive(total: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=total > 0, metadata={"total": total})


refresh = dg.define_asset_job("refresh", selection=dg.AssetSelection.groups("playground"))

every_morning = dg.ScheduleDefinition(name="every_morning", job=refresh, cron_schedule="0 6 * * *")

defs = dg.Definitions(
    assets=[numbers, total],
    asset_checks=[total_is_positive],
    jobs=[refresh],
    schedules=[every_morning],
    resources=values.resources(),
    executor=dg.in_process_executor,  # a process for each step would take most of the time
)
