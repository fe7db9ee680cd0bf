"""Jobs of `ops` that change `ops` itself, and launches by `dg`. In a browser: tests/ui/test_browser.py."""

from __future__ import annotations

from tests.stack.test_dev import dg
from tests.stacks import Stack


def test_ops_redeploys_itself_and_deploys_with_what_came(stack: Stack) -> None:
    before = stack.location("ops")["release"]
    run = stack.launch("ops", "redeploy", {"locations": ["ops"], "force": True})
    stack.wait_for_success(run)
    assert stack.location("ops")["release"] == before + 1
    again = stack.launch("ops", "deploy")
    stack.wait_for_success(again)
    assert "nothing to do" in stack.messages(again).lower()


def test_dg_launches_a_redeploy(stack: Stack) -> None:
    stack.ok("redeploy")
    launched = dg(stack, "launch", "--job", "redeploy")
    assert launched.returncode == 0, launched.stdout + launched.stderr
    assert "no ref has moved" in launched.stdout + launched.stderr
