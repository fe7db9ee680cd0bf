"""What waits runs on its own release; tests/kubernetes/test_outliving.py does it in a cluster."""

from __future__ import annotations

from pathlib import Path

from playground_ops.engine.health.examine import tend
from playground_ops.targets.local.target import LocalTarget
from tests.pipelines import Pipeline
from tests.queueing import Queueing
from tests.stacks import ROOT, Stack


def test_queued_runs_and_retries_run_on_their_own_release_which_is_kept_for_them(
    stack: Stack, code: Pipeline, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    Queueing(stack, code, "a").a_queue_outlives_its_release(
        str(go), lambda _: go.touch(), lambda: tend(LocalTarget(stack.state, ROOT), ["a"])
    )
