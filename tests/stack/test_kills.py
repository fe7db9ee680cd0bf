"""`kill -9` of a rollout at its steps: what serves goes on serving, and the next rollout converges.

The normal run has three of them; `-m soak` goes through all.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from playground_ops.core.model import MAIN
from playground_ops.targets.local.processes import names, read_state
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.shared import SharedStack
from tests.stack.conftest import of_pipeline
from tests.stacks import Stack

STEPS = 16
"""More than a redeploy has: the matrix ends where the command ends by itself."""
Step = tuple[int, str]
ALL: list[Step] = [(number, when) for number in range(1, STEPS + 1) for when in ("before", "after")]
INSIDE: list[Step] = [(number, "inside") for number in range(1, 100)]
SAMPLE: list[Step] = [(20, "inside")]
"""The default run, with both sides of the switch. Every step in memory: test_rollout_kills.py."""


def killed(stack: Stack, step: Step, *command: str) -> str | None:
    """Return the method at which the command was killed; None when it was over before."""
    ended = stack.run(str(step[0]), step[1], *command, module="tests.kills")
    if ended.returncode == 0:
        return None
    assert ended.returncode == -9, ended.stdout + ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def shown(stack: Stack, location: str) -> list[str]:
    """Return the assets that the UI of its deployment shows of it."""
    return stack.assets(location, stack.at(stack.location(location)["deployment"]).ui)


def converged(stack: Stack, asset: str, location: str = "a") -> None:
    """Check that one release serves, at most one is warm, none is forgotten, and every record has an end."""
    assert shown(stack, location) == [asset]
    found = stack.location(location)
    assert found["candidate"] is None
    assert found["ready"]
    own = f"{location}-"
    known = {
        f"{own}{number}" for number in (found["release"], found["previous"], *found["draining"]) if number
    }
    running = {
        name
        for name in names(stack.state)
        if name.startswith(own) and (state := read_state(stack.state, name)) and state.running
    }
    assert running <= known, f"{running} run, {known} are known"
    assert [record["id"] for record in stack.history(location) if record["outcome"] is None] == []
    if found["draining"]:
        eventually(
            "what drains to be gone", lambda: stack.location(location)["draining"] == [], every_seconds=0.5
        )


def story(stack: Stack, code: Pipeline, step: Step, location: str = "a") -> str | None:
    """Kill a redeploy at a step; the next one finishes or undoes what it left."""
    (before,) = shown(stack, location)
    asset = f"asset_{abs(hash((step, before))) % 10**8}"
    code.commit(asset)
    verb = killed(stack, step, "redeploy", location)
    (seen,) = shown(stack, location)
    assert seen in (before, asset)
    stack.ok("redeploy", location)
    converged(stack, asset, location)
    return verb


@pytest.mark.parametrize("step", SAMPLE, ids=lambda step: f"{step[1]} step {step[0]}")
def test_a_redeploy_is_killed(stack: Stack, code: Pipeline, step: Step) -> None:
    assert story(stack, code, step) is not None


@pytest.mark.parametrize(
    ("verb", "when"),
    [
        ("serve", "before"),
        ("serve", "after"),
        *(pytest.param("settle", when, marks=pytest.mark.soak) for when in ("before", "after")),
    ],
)
def test_a_deploy_too_finishes_what_a_killed_rollout_left(
    stack: Stack, code: Pipeline, verb: str, when: str
) -> None:
    """It does so even where the location serves what it should: that was never confirmed."""
    asset = f"left_{verb}_{when}"
    code.commit(asset)
    ended = stack.run(verb, when, "redeploy", "a", module="tests.kills")
    assert ended.returncode == -9, ended.stderr
    (now,) = stack.assets("a")
    told = stack.ok("deploy")
    assert ("Nothing to do" in told) == (now != asset), told
    if now == asset:
        converged(stack, asset)
        assert "Nothing to do" in stack.ok("deploy")


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("deployment", [MAIN, "next"])
def test_a_redeploy_is_killed_at_every_step(
    local_stack: SharedStack[Stack],
    code: Pipeline,
    record_property: Callable[[str, object], None],
    deployment: str,
) -> None:
    own = {**of_pipeline(code)[0], "name": f"in-{deployment}", "deployment": deployment}
    beside = [{"name": "next"}] if deployment != MAIN else []
    with local_stack.having(own, deployments=beside) as stack:
        verbs = {f"{step[1]} {step[0]}": story(stack, code, step, own["name"]) for step in ALL}
    told = ", ".join(f"{at}: {verb}" for at, verb in verbs.items() if verb)
    record_property(f"killed redeploys in {deployment}", told)
    assert [verb for verb in verbs.values() if verb and "serve" in verb]
    assert None in verbs.values(), "the matrix is too short: raise STEPS"


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_redeploy_is_killed_inside_its_steps(
    stack: Stack, code: Pipeline, record_property: Callable[[str, object], None]
) -> None:
    told = []
    for step in INSIDE:
        verb = story(stack, code, step)
        if verb is None:
            break
        told.append(f"{step[0]}: {verb}")
    record_property("killed inside redeploys", ", ".join(told))
    assert verb is None, "the matrix is too short: raise INSIDE"
    assert [verb for verb in told if verb.endswith("of serve")]
    assert [verb for verb in told if verb.endswith("of retire")]


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_rollback_is_killed_at_every_step(
    stack: Stack, code: Pipeline, record_property: Callable[[str, object], None]
) -> None:
    verbs = {}
    for number, step in enumerate(ALL):
        pair = [f"left_{number}", f"right_{number}"]
        for asset in pair:
            code.commit(asset)
            stack.ok("redeploy", "a")
        verb = verbs[f"{step[1]} {step[0]}"] = killed(stack, step, "rollback", "a")
        assert stack.assets("a")[0] in pair
        if stack.assets("a") == [pair[1]]:
            stack.ok("rollback", "a")
        else:
            stack.ok("redeploy", "a", "--ref", stack.location("a")["commit"])  # recovers, changes nothing
        converged(stack, pair[0])
        if verb is None:
            break
    record_property("killed rollbacks", ", ".join(f"{at}: {verb}" for at, verb in verbs.items() if verb))
    assert None in verbs.values(), "the matrix is too short: raise STEPS"


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_first_bootstrap_is_killed_at_every_step(record_property: Callable[[str, object], None]) -> None:
    from tests.stacks import a_stack

    told = []
    for step in [(number, when) for number in range(1, 40, 2) for when in ("before", "after")]:
        with a_stack() as fresh:
            fresh.configure()
            verb = killed(fresh, step, "bootstrap")
            fresh.bootstrap()
            assert fresh.assets("a") == ["a/numbers", "a/total"]
            assert fresh.assets("b") == ["b/numbers", "b/total"]
            assert all(found["candidate"] is None for found in fresh.status()["locations"])
        if verb is None:
            break
        told.append(f"{step[1]} {step[0]}: {verb}")
    record_property("killed bootstraps", ", ".join(told))
    assert verb is None
