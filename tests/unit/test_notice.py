"""Notices to people outside: each change once, good and bad, over a real HTTP server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.checks.folding import fold
from playground_ops.checks.topic import Report, Topic
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.engine.health.notice import FORMS, Notice, Notified, Sender, as_slack, body, change, send
from tests.webhooks import Webhook, a_webhook

NOW = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
LATER = datetime(2026, 11, 25, 13, tzinfo=timezone.utc)


def finding(name: str = "location/a", observed: str = "It is down.") -> Finding:
    return Finding(kind=FindingKind.TRANSIENT, object=name, observed=observed, cause="Why.", fix="Do.")


def told(before: Notified, report: Report, now: datetime = NOW) -> tuple[Notice | None, Notified]:
    return change(before, fold(report), Sender("Dagster here", "http://ui"), now)


DOWN: Report = {"a": {Topic.HEALTHY: [finding()], Topic.TIDY: []}}
WELL: Report = {"a": {Topic.HEALTHY: [], Topic.TIDY: []}}


def test_bad_and_good_again_are_told_once_each() -> None:
    notice, known = told(Notified(), DOWN)
    assert notice is not None
    assert (notice.state, notice.headline) == ("bad", "Dagster here: 1 new")
    assert told(known, DOWN, LATER)[0] is None
    other: Report = {"a": {Topic.HEALTHY: [finding(observed="It was down for 3 min.")]}}
    assert told(known, other, LATER)[0] is None, "the same check in other words is no change"
    mended, after = told(known, WELL, LATER)
    assert mended is not None
    assert (mended.state, mended.headline) == ("well", "Dagster here: all is well again")
    assert mended.mended[0].since == NOW.isoformat(timespec="seconds")
    assert told(after, WELL)[0] is None


def test_what_is_still_bad_comes_with_the_news_and_since_when() -> None:
    _, known = told(Notified(), DOWN)
    more: Report = {**DOWN, "b": {Topic.TIDY: [finding("location/b")]}}
    notice, _ = told(known, more, LATER)
    assert notice is not None
    assert [one.component for one in notice.new] == ["b"]
    assert [(one.component, one.since[11:13]) for one in notice.still] == [("a", "12")]
    assert notice.headline == "Dagster here: 1 new, 1 still there"


REPORTS = st.dictionaries(
    st.sampled_from("abc"),
    st.dictionaries(st.sampled_from(list(Topic)), st.lists(st.just(finding()), max_size=2)),
)


@given(st.lists(REPORTS, max_size=6))
def test_whoever_reads_every_notice_knows_what_is_bad(reports: list[Report]) -> None:
    known, reader, bad = Notified(), set[str](), set[str]()
    for report in reports:
        notice, known = told(known, report)
        if notice is not None:
            assert notice.new or notice.mended
            assert not {one.key for one in notice.new} & reader
            reader |= {one.key for one in notice.new}
            reader -= {one.key for one in notice.mended}
        looked = {f"{name}/{topic.value}" for name, topics in report.items() for topic in topics}
        still = {key for key in bad - looked if key.partition("/")[0] in report}
        bad = still | {
            f"{name}/{topic.value}" for name, topics in report.items() for topic in topics if topics[topic]
        }
        assert reader == set(known.bad) == bad


def test_what_was_not_looked_at_is_neither_mended_nor_new() -> None:
    """A check may have failed, or have covered fewer topics."""
    _, known = told(Notified(), DOWN)
    away: Report = {"webserver": {Topic.HEALTHY: [finding("api/server")]}}
    notice, after = change(known, fold(away), Sender("Dagster here", None), LATER, ("a", "webserver"))
    assert notice is not None
    assert ([one.component for one in notice.new], notice.mended) == (["webserver"], ())
    gone, _ = change(after, fold(WELL), Sender("Dagster here", None), LATER, ("a",))
    assert gone is not None
    assert {one.component for one in gone.mended} == {"a", "webserver"}, (
        "what is no longer there is no trouble"
    )


def test_slack_gets_text_that_can_not_break_out_and_a_link() -> None:
    notice, _ = told(Notified(), {"a": {Topic.HEALTHY: [finding(observed="<!channel> & more")]}})
    assert notice is not None
    text = as_slack(notice)["text"]
    assert "&lt;!channel&gt; &amp; more" in text
    assert text.endswith("<http://ui|Open Dagster>")
    many: Report = {f"l{number}": {Topic.HEALTHY: [finding()]} for number in range(14)}
    notice, _ = told(Notified(), many)
    assert notice is not None
    assert "and 4 more" in as_slack(notice)["text"]


def test_no_secret_leaves(webhook: Webhook) -> None:
    notice, _ = told(Notified(), {"a": {Topic.TICKS: [finding(observed="password=hunter2 is wrong")]}})
    assert notice is not None
    for form in FORMS:
        assert b"hunter2" not in body(notice, form)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with a_webhook() as made:
        yield made


def test_it_arrives(webhook: Webhook) -> None:
    notice, _ = told(Notified(), DOWN)
    assert notice is not None
    send("HOOK", webhook.url, body(notice, "json"))
    (got,) = webhook.got
    assert (got["state"], got["new"][0]["component"], got["ui"]) == ("bad", "a", "http://ui")
    assert json.loads(body(notice, "json")) == got


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (404, FindingKind.CERTAIN, "no_service"),
        (429, FindingKind.TRANSIENT, "no_service"),
        (503, FindingKind.TRANSIENT, "no_service"),
        (302, FindingKind.CERTAIN, "HTTP 302"),
    ],
)
def test_a_refusal_is_told_without_the_url(
    webhook: Webhook, status: int, kind: FindingKind, said: str
) -> None:
    webhook.status, webhook.answer = status, b"no_service"
    webhook.headers = {"Location": webhook.url} if status == 302 else {}
    with pytest.raises(PlaygroundError) as refused:
        send("HOOK", webhook.url, b"{}")
    finding = refused.value.finding
    assert finding.kind is kind
    assert said in finding.sentence()
    assert "hunter2" not in str(refused.value)
    assert webhook.got == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/hunter2", "file:///etc/hunter2", "hunter2", "http://[x/hunter2"]
)
def test_what_can_not_be_reached_is_told_without_the_url(url: str) -> None:
    with pytest.raises(PlaygroundError) as refused:
        send("HOOK", url, b"{}")
    assert "webhook/HOOK" in str(refused.value)
    assert "hunter2" not in str(refused.value)
