"""What a candidate of `ops` from git is refused before it examines anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.config import read
from playground_ops.context import NAMESPACE, refuse_what_needs_bootstrap
from playground_ops.core.errors import PlaygroundError

HERE = Path("configvalues.yaml")


def test_a_commit_that_does_not_say_where_ops_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = read("code_locations: []", HERE)
    refuse_what_needs_bootstrap(configuration)  # on one machine it serves a clone
    monkeypatch.setenv(NAMESPACE, "dagster")
    refuse_what_needs_bootstrap(configuration)  # and here what was deployed from one
    monkeypatch.setenv("PLAYGROUND_CONFIG", str(HERE))
    with pytest.raises(PlaygroundError, match="does not say where `ops` comes from"):
        refuse_what_needs_bootstrap(configuration)
