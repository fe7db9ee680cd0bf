"""Messages between processes of this project: a line that is no message is passed on as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.cli.progress import Messages
from playground_ops.core import messages
from playground_ops.core.errors import PlaygroundError, certain
from playground_ops.core.model import Phase
from playground_ops.core.pod import Pod
from playground_ops.diagnose.pods import Collected
from playground_ops.targets.kubernetes.inside.reporting import EXIT_CERTAIN, reported
from playground_ops.targets.kubernetes.releases import observing

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT)
def test_a_message_is_one_line_and_comes_back_as_it_was(first: str, second: str) -> None:
    line = messages.message("progress", text=first, more=second)
    assert len(line.splitlines()) == 1
    assert messages.parsed(line) == {messages.KEY: "progress", "text": first, "more": second}


@given(TEXT)
def test_what_others_print_is_no_message(text: str) -> None:
    found = messages.parsed(text)
    assert found is None or text.startswith("{")


@pytest.mark.parametrize(
    "line", ["{", "{}", "[]", '{"playground": 3}', '{"text": "x"}', "  0.1 s  a  resolving"]
)
def test_nor_is_json_of_others(line: str) -> None:
    assert messages.parsed(line) is None


def test_progress_reaches_whoever_reads_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    shown = Messages()
    shown.at("a", Phase.RESOLVE)
    shown.line("   0.1 s  a          resolving: main")
    found = [messages.parsed(line) for line in capfd.readouterr().err.splitlines()]
    assert found == [
        {messages.KEY: "phase", "location": "a", "phase": "resolving"},
        {messages.KEY: "progress", "text": "   0.1 s  a          resolving: main"},
    ]


def test_a_server_that_cannot_start_tells_its_findings(capsys: pytest.CaptureFixture[str]) -> None:
    """A finding has a field of the name `kind` too."""
    first, second = (
        certain(object=f"module/{name}", observed="It is not there.", cause="x", fix="y", evidence="one\ntwo")
        for name in ("pipelin", "other")
    )
    print("some words of Dagster's")
    assert reported(PlaygroundError(first, second)) == EXIT_CERTAIN
    pod = Pod.read({"metadata": {"name": "a-1-x"}})
    known = Collected(pod, (), {"dagster-grpc": capsys.readouterr().out})
    assert observing._told_by_itself(known) == second
    earlier = Collected(pod, (), {"dagster-grpc": f"finding {first.model_dump_json()}\n"})
    assert observing._told_by_itself(earlier) == first, "as servers of earlier versions tell it"
