"""Words of strangers on a terminal and on a page: printable, on their own line, and never interpreted."""

from __future__ import annotations

import ast
import html
import json
import re
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import playground_ops
from playground_ops.checks.topic import Topic
from playground_ops.cli import console
from playground_ops.cli.fitting import Column
from playground_ops.cli.progress import LineProgress, Lines, Stop
from playground_ops.core.changes import Difference, changes
from playground_ops.core.errors import LONGEST_EVIDENCE, LONGEST_SENTENCE, Finding, certain
from playground_ops.core.field_change import FieldChange
from playground_ops.core.model import Outcome, Revision, RolloutRecord
from playground_ops.core.plain import plain
from playground_ops.core.redact import redact
from playground_ops.defs import metadata
from playground_ops.defs.evaluations import evaluation
from playground_ops.targets.common import refs
from playground_ops.targets.common.command import Inherited, run

EVIL = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\u200e\u200b\ufeff\u2028red\x08\r"
TEXT = st.text(st.characters() | st.sampled_from(list(EVIL)))


def is_printable(text: str) -> bool:
    return all(one.isprintable() or one in "\n\t" for one in text)


@given(TEXT)
def test_of_any_text_only_what_can_be_seen_is_left(text: str) -> None:
    shown = plain(text)
    assert is_printable(shown)
    assert plain(shown) == shown
    assert [one for one in shown if one.isalnum()] == [one for one in plain(text) if one.isalnum()]
    assert is_printable(redact(text))


@given(
    st.text(
        st.characters(categories=["L", "N", "P", "Sc", "Zs"], exclude_characters="\u115f\u1160\u3164\uffa0")
    )
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    flat = " ".join(text.split())
    assert plain(flat) == flat


def test_a_start_without_an_end_hides_nothing() -> None:
    assert plain("\x1b]0;title\nERROR") == " ]0;title\nERROR"
    assert plain("a\r\nb\rc") == "a\nb c"


@pytest.mark.parametrize("field", ["object", "observed", "cause", "fix", "evidence"])
def test_a_finding_is_printable_wherever_it_comes_from(field: str) -> None:
    given = {"object": "x/y", "observed": "x", "cause": "y", "fix": "z", field: f"{EVIL} end"}
    found = certain(**given)
    again = Finding.model_validate_json(json.dumps({**given, "kind": "certain"}))
    for one in (found, again):
        assert is_printable(one.sentence() + one.evidence)
        assert getattr(one, field).endswith("red   end")


def test_a_finding_is_bounded_and_its_secrets_masked() -> None:
    found = certain(
        object="x", observed="password=hunter2 " * 999, cause="y", fix="z", evidence="x\n" * 99_999
    )
    assert "hunter2" not in found.observed
    assert (len(found.observed), len(found.evidence)) == (LONGEST_SENTENCE, LONGEST_EVIDENCE)


def test_subject_and_author_of_a_commit_are_one_line_whoever_makes_the_revision() -> None:
    for one in (
        Revision(repository=None, commit="c", subject=f"{EVIL}\npassword=hunter2", author=EVIL * 99),
        Revision.model_validate_json(json.dumps({"repository": None, "commit": "c", "author": EVIL * 99})),
    ):
        assert one.subject.isprintable()
        assert one.author.isprintable()
        assert "hunter2" not in one.subject
        assert len(one.author) <= 100


def test_a_ref_with_what_cannot_be_seen_is_refused_and_those_of_a_server_are_shown_as_text() -> None:
    answers = refs.each("/x", ["main\u202e"], lambda names: ("", lambda: ""))
    assert isinstance(answers[0], Finding)
    assert "can't be the name" in answers[0].observed
    listed = f"{'1' * 40}\trefs/heads/mian\x1b[2J\u202e{'x' * 500}\n"
    (unknown,) = refs.each("/x", ["main"], lambda names: (f"{'1' * 40}\tHEAD", lambda: listed))
    assert isinstance(unknown, Finding)
    assert unknown.cause.isprintable()
    assert len(unknown.cause) < 200


def test_what_a_server_says_while_git_runs_is_one_clean_line() -> None:
    heard: list[str] = []
    script = r"printf 'remote: \033[2Jpassword=hunter2\n' >&2; sleep 1.5"
    run(["sh", "-c", script], Inherited({"PATH": "/usr/bin:/bin"}), seconds=20, hear=heard.append)
    assert heard == ["remote: password=***"]


def test_the_console_prints_text_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    console.echo(f"a {EVIL}")
    console.table(("name",), [(f"b {EVIL}",)])
    console.short_table((Column("name"), Column("other")), [(f"c {EVIL}", f"d {EVIL}")])
    bad = certain(object="x", observed="y", cause="z", fix="w").model_copy(
        update={"observed": EVIL, "evidence": EVIL}
    )
    console.fail([bad], as_json=False)
    LineProgress("a", Lines(), Stop()).say(f"{EVIL}\n  0.1 s  a  release 9 serves")
    out, err = capsys.readouterr()
    assert is_printable(out)
    assert is_printable(err)
    assert "\n  0.1 s  a  release 9" not in err


def test_a_document_has_what_it_had(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"subject": EVIL})
    printed = capsys.readouterr().out
    assert is_printable(printed)
    assert json.loads(printed) == {"subject": EVIL}


def test_nothing_is_printed_by_another_way() -> None:
    folder = Path(playground_ops.__file__).parent
    others = {"click.echo", "click.secho", "print", "sys.stdout.write"}
    for file in (folder / "bootstrap.py", *(folder / "cli").glob("*.py")):
        calls = (one for one in ast.walk(ast.parse(file.read_text())) if isinstance(one, ast.Call))
        assert file.name == "console.py" or others.isdisjoint(ast.unparse(one.func) for one in calls), file


MARKED = "](http://evil.test) <img src=x> [a](b) `code` **b** | ~~c~~ &lt; # d"


PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@given(st.text(st.sampled_from(list("ab |*_`<>[]()~&;#!\\-\n\u202e\x1b")), min_size=1))
def test_no_text_has_marks_of_its_own_on_a_page(text: str) -> None:
    """As a parser of Markdown sees it."""
    flat = " ".join(plain(text).split())
    page = PARSER.render(f"| name |\n|---|\n| a{metadata.cell(text)} |")
    (shown,) = re.findall(r"<td>(.*)</td>", page)
    assert html.unescape(shown) == f"a{flat}"
    page = PARSER.render(f"a {metadata.prose(text)}").strip()
    tags = set(re.findall(r"<[^>]*>", page))
    assert tags <= {"<p>", "</p>", "<code>", "</code>"}
    code = PARSER.render(metadata.code(text))
    assert set(re.findall(r"<[^>]*>", code)) == {"<pre>", "<code>", "</code>", "</pre>"}


def test_a_page_shows_words_of_strangers_as_text() -> None:
    assert metadata.cell(MARKED) == (
        r"\](http://evil.test) \<img src=x\> \[a\](b) \`code\` \*\*b\*\* \| \~\~c\~\~ \&lt; \# d"
    )
    assert metadata.prose(MARKED) == (
        r"\](http://evil.test) \<img src=x\> \[a\](b) `code` \*\*b\*\* | \~\~c\~\~ \&lt; \# d"
    )
    assert metadata.prose("a ` b [c](d)") == r"a \` b \[c\](d)"
    found = certain(object="x", observed=MARKED, cause="y", fix="Run `status`.")
    shown = evaluation("a", Topic.HEALTHY, [found, found]).description or ""
    assert r"\<img src=x\>" in shown
    assert "`status`" in shown


def test_of_a_rollout_only_what_is_escaped_is_markdown() -> None:
    field = FieldChange(path=MARKED, before=MARKED, after=None)
    record = RolloutRecord(
        location="a",
        id="1",
        by="bob",
        started_at="now",
        outcome=Outcome.FAILED,
        revision=Revision(repository="/x", commit="c", subject=MARKED, author=MARKED),
        finding=certain(object="x", observed=MARKED, cause="y", fix="z", evidence=f"```\n{MARKED}"),
        warnings=(MARKED,),
        changes=changes([Difference(change="changed", kind="asset", name=MARKED, fields=(field,))], 1),
    )
    for name, value in metadata.of_rollout(record).items():
        if isinstance(value, dg.MarkdownMetadataValue):
            assert value.value is not None
            assert "<img" not in PARSER.render(value.value), name
    assert "differences" in metadata.of_rollout(record)
