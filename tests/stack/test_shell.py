"""The jobs of `ops`, launched as the UI launches them, on a real stack."""

from __future__ import annotations

from typing import Any

from tests import pipelines
from tests.asking import eventually
from tests.pipelines import Pipeline
from tests.stacks import Stack

EVENTS = """query($id: ID!) { logsForRun(runId: $id, limit: 500) { ... on EventConnection { events {
  __typename ... on MessageEvent { message stepKey }
  ... on ExecutionStepFailureEvent { error { message } failureMetadata { metadataEntries {
      label ... on MarkdownMetadataEntry { mdStr } } } }
  ... on MaterializationEvent { assetKey { path } metadataEntries { label
      ... on MarkdownMetadataEntry { mdStr } ... on TextMetadataEntry { text }
      ... on IntMetadataEntry { intValue } } }
  ... on ObservationEvent { assetKey { path } } } } } }"""


def events(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.graphql(EVENTS, id=run_id)["logsForRun"]["events"]
    return found


def messages(stack: Stack, run_id: str) -> str:
    return "\n".join(event["message"] for event in events(stack, run_id))


def test_redeploy_without_configuration_moves_what_has_moved(stack: Stack, code: Pipeline) -> None:
    before = stack.location("a")["release"]
    commit = code.commit("second", "The second one")
    run = stack.launch("ops", "redeploy")
    stack.wait_for_success(run)

    assert stack.assets("a") == ["second"]
    told = messages(stack, run)
    for phase in ("resolving", "starting", "verifying", "switching", "confirming", "retiring"):
        assert f"a · {phase}" in told
    (materialized,) = [e for e in events(stack, run) if e["__typename"] == "MaterializationEvent"]
    assert materialized["assetKey"]["path"] == ["stack", "a"]
    shown = {entry["label"]: entry for entry in materialized["metadataEntries"]}
    assert shown["commit"]["text"] == commit
    assert shown["subject"]["text"] == "The second one"
    assert shown["author"]["text"] == "Ada"
    assert shown["release"]["intValue"] == before + 1


def test_a_broken_commit_fails_the_run_with_its_cause(stack: Stack, code: Pipeline) -> None:
    code.commit_text(pipelines.RAISES, "Break it")
    run = stack.launch("ops", "redeploy", {"locations": ["a"]})
    assert stack.wait_for_run(run) == "FAILURE"

    (failure,) = [e for e in events(stack, run) if e["__typename"] == "ExecutionStepFailureEvent"]
    assert "the price list has no column vat" in failure["error"]["message"].splitlines()[0]
    shown = {entry["label"]: entry.get("mdStr") for entry in failure["failureMetadata"]["metadataEntries"]}
    assert "pipeline.py" in shown["evidence"]
    assert [e["assetKey"]["path"] for e in events(stack, run) if e["__typename"] == "ObservationEvent"] == [
        ["stack", "a"]
    ]
    assert stack.assets("a") == ["second"]


def test_cancelling_the_run_cleans_up_and_leaves_what_serves(stack: Stack, code: Pipeline) -> None:
    before = stack.location("a")
    code.commit_text(pipelines.HANGS, "Hang")
    run = stack.launch("ops", "redeploy", {"locations": ["a"]})
    eventually("a candidate", lambda: stack.location("a")["candidate"])

    stack.terminate(run)

    assert stack.wait_for_run(run) == "CANCELED", messages(stack, run)
    after = stack.location("a")
    assert after["candidate"] is None
    assert after["last_rollout"]["outcome"] == "cancelled"
    assert (after["release"], after["ready"]) == (before["release"], True)
    assert stack.assets("a") == ["second"]


def test_rollback_plan_deploy_promote_and_health_check(stack: Stack, code: Pipeline) -> None:
    for job, config in (
        ("rollback", {"location": "a"}),
        ("plan", {}),
        ("deploy", {}),
        ("health_check", {}),
        ("promote", {"source": "a", "destination": "b"}),
    ):
        run = stack.launch("ops", job, config)
        stack.wait_for_success(run)
    assert stack.assets("a") == ["first"]
    assert stack.assets("b") == ["first"]


def test_ops_redeploys_itself(stack: Stack) -> None:
    before = stack.location("ops")
    run = stack.launch("ops", "redeploy", {"locations": ["ops"], "force": True})
    stack.wait_for_success(run)
    assert stack.location("ops")["release"] == before["release"] + 1
    again = stack.launch("ops", "plan")
    stack.wait_for_success(again)


def test_what_the_command_line_did_comes_into_the_asset_graph(stack: Stack, code: Pipeline) -> None:
    code.commit("from_the_shell", "From the command line")
    stack.ok("redeploy", "a")

    def subjects() -> list[str]:
        data = stack.graphql(
            """query { assetOrError(assetKey: {path: ["stack", "a"]}) { ... on Asset {
              assetMaterializations(limit: 20) { metadataEntries { label
              ... on TextMetadataEntry { text } } } } } }"""
        )
        return [
            entry["text"]
            for found in data["assetOrError"]["assetMaterializations"]
            for entry in found["metadataEntries"]
            if entry["label"] == "subject"
        ]

    eventually("the rollout in the graph", lambda: "From the command line" in subjects(), every_seconds=0.5)


def test_a_location_that_is_not_there_is_named(stack: Stack) -> None:
    run = stack.launch("ops", "redeploy", {"locations": ["zz"]})
    assert stack.wait_for_run(run) == "FAILURE"
    assert "The configuration has: ops, a, b" in str(events(stack, run))
