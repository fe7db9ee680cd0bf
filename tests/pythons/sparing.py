"""A plugin for the other Pythons: few random samples, for what differs there is the language.

All of them are drawn on the session's own Python.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

SAMPLES = 3
_OWN = "_hypothesis_internal_use_settings"
"""Where Hypothesis keeps a test's own settings, which a profile does not change."""


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("sparing", deadline=None, database=None, max_examples=SAMPLES)
    settings.load_profile("sparing")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        test: Any = getattr(item, "obj", None)
        own = getattr(test, _OWN, None)
        if own is not None and own.max_examples > SAMPLES:
            setattr(test, _OWN, settings(own, max_examples=SAMPLES, database=None))
