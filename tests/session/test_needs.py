"""What a machine lacks is checked once, and is one reason for all tests that need it."""

from __future__ import annotations

import json

import pytest

from tests.session import needs

REASON = "the test cluster needs packages: apt-get install runc"


@pytest.fixture(autouse=True)
def lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(needs.VARIABLE, json.dumps({needs.CLUSTER: REASON, needs.BROWSER: ""}))


def test_tests_skip_with_the_reason_and_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install runc"):
        needs.refuse(needs.CLUSTER)
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install runc"):
        needs.refuse(needs.CLUSTER)


def test_what_is_installed_meanwhile_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(needs.LOOKS, needs.CLUSTER, lambda: "")
    assert needs.lacking(needs.CLUSTER) == REASON
