"""Runs launched through a webserver: what is made of its answers, and of none.

tests/stack/test_bootstrap.py asks a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.core.produced import Launch
from playground_ops.targets.common.webserver import Webserver, WebserverDown
from playground_ops.targets.common.webserver_view import WebserverView

ASKED = Launch(location="a", repository="defs", keys=("odd/x/y",), tags={"playground/compare": "a b"})
KEYS = {"repositoryOrError": {"assetNodes": [{"assetKey": {"path": ["odd", "x/y"]}}]}}


class Scripted(Webserver):
    """Answers by the operation's first field; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answers, self.asked = {"repositoryOrError": KEYS, **answers}, dict[str, Any]()

    def ask(self, query: str, variables: dict[str, Any] | None = None, *, seconds: float = 10.0) -> Any:
        name = next(name for name in self.answers if name in query)
        self.asked[name] = variables
        found = self.answers[name]
        found = next(found) if isinstance(found, Iterator) else found
        if isinstance(found, Exception):
            raise found
        return found


def view(webserver: Webserver) -> WebserverView:
    return WebserverView(lambda: webserver)


def test_a_key_is_sent_by_its_components_and_tags_with_it() -> None:
    made = Scripted(launchRun={"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": "r"}}})
    assert view(made).launch(ASKED) == "r"
    params = made.asked["launchRun"]["p"]
    assert params["selector"]["assetSelection"] == [{"path": ["odd", "x/y"]}]
    assert {"key": "playground/compare", "value": "a b"} in params["executionMetadata"]["tags"]


@pytest.mark.parametrize(("there", "found"), [([{"runId": "r"}], "r"), ([], None)])
def test_a_launch_without_an_answer_is_looked_for(there: list[dict[str, str]], found: str | None) -> None:
    made = Scripted(launchRun=WebserverDown("timed out"), runsOrError={"runsOrError": {"results": there}})
    if found:
        assert view(made).launch(ASKED) == found
    else:
        with pytest.raises(PlaygroundError, match="timed out") as raised:
            view(made).launch(ASKED)
        assert raised.value.finding.kind is FindingKind.TRANSIENT
    (tag,) = made.asked["runsOrError"]["f"]["tags"]
    assert tag in made.asked["launchRun"]["p"]["executionMetadata"]["tags"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"__typename": "RunConfigValidationInvalid", "errors": [{"message": "Missing x"}]}, "Missing x"),
        ({"__typename": "PythonError", "message": "token=hunter2hunter2 is wrong"}, r"token=\*\*\*"),
        ({"__typename": "RunConflict"}, "RunConflict"),
    ],
)
def test_what_dagster_refuses_is_told_in_its_words(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(PlaygroundError, match=said) as raised:
        view(Scripted(launchRun={"launchRun": answer})).launch(ASKED)
    assert raised.value.finding.kind is FindingKind.CERTAIN


def test_an_asset_that_the_webserver_does_not_show_is_launched_nowhere() -> None:
    empty = Scripted(repositoryOrError={"repositoryOrError": {"__typename": "RepositoryNotFoundError"}})
    with pytest.raises(PlaygroundError, match="does not show odd/x/y"):
        view(empty).launch(ASKED)


def failing(*pages: list[dict[str, Any]]) -> Scripted:
    whole = [
        {"logsForRun": {"events": events, "cursor": str(number), "hasMore": number + 1 < len(pages)}}
        for number, events in enumerate(pages)
    ]
    return Scripted(
        runOrError={"runOrError": {"__typename": "Run", "status": "FAILURE"}}, logsForRun=iter(whole)
    )


def test_a_failure_is_the_codes_own_exception_wherever_it_is_in_the_log() -> None:
    frames = ['  File "/home/x/pipeline.py", line 6, in total\n', "    raise ValueError(1)\n"]
    own = {"message": "ValueError: no table; password=hunter2hunter2\n", "stack": frames}
    wrapped = {"message": "DagsterExecutionStepExecutionError", "stack": [], "cause": own}
    step = {
        "__typename": "ExecutionStepFailureEvent",
        "message": 'Execution of step "total" failed.',
        "error": wrapped,
    }
    ended = {"__typename": "RunFailureEvent", "message": "Steps failed: ['total'].", "error": None}
    found = view(failing([{"__typename": "LogMessageEvent", "message": "x"}], [step, ended])).run("r")
    assert found.is_over
    assert found.finding is not None
    assert "ValueError: no table; password=***" in found.finding.observed
    assert "pipeline.py, line 6" in found.finding.observed
    assert "hunter2" not in found.finding.evidence


def test_a_run_that_fails_without_an_exception_says_what_its_log_says() -> None:
    ended = {"__typename": "RunFailureEvent", "message": "The run was lost with its pod.", "error": None}
    finding = view(failing([ended])).run("r").finding
    assert finding is not None
    assert finding.observed == "The run was lost with its pod."


@pytest.mark.parametrize(
    ("answer", "over"),
    [
        ({"__typename": "Run", "status": "QUEUED"}, False),
        ({"__typename": "Run", "status": "CANCELING"}, False),
        ({"__typename": "Run", "status": "SUCCESS"}, True),
        ({"__typename": "Run", "status": "CANCELED"}, True),
        ({"__typename": "RunNotFoundError"}, True),
    ],
)
def test_a_run_is_over_or_not(answer: dict[str, str], over: bool) -> None:
    found = view(Scripted(runOrError={"runOrError": answer})).run("r")
    assert found.is_over == over
    assert (found.finding is not None) == (over and answer.get("status") != "SUCCESS")
