"""Messages between processes of this project: a line that is no message is passed on as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.cli.progress import Messages
from playground_ops.core import messages
from playground_ops.core.model import Phase

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
