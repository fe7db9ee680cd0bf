"""Run configuration as a person writes it: `locations: [a]`, without the op that it is for."""

from typing import Any

import dagster as dg


def run_config_of(op: str, config: type[dg.Config]) -> dg.ConfigMapping:
    """The whole run configuration of a job of one op is that op's configuration."""
    return dg.ConfigMapping(
        config_schema=config.to_config_schema().as_field(),
        config_fn=lambda values: {"ops": {op: {"config": _as_dict(values)}}},
    )


def _as_dict(values: Any) -> dict[str, Any]:
    return dict(values)
