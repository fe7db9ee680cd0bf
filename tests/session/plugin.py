"""All parts of this folder as one plugin, for `-p`."""

from __future__ import annotations

pytest_plugins = (
    "tests.session.needs",
    "tests.session.timeouts",
    "tests.session.deadlines",
    "tests.session.order",
    "tests.session.distribution",
    "tests.session.times",
    "tests.session.skips",
    "tests.session.second_try",
    "tests.session.soaks",
)
