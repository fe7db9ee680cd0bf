"""One cause, one row: what follows from another finding is folded under it, and nothing else is."""

from __future__ import annotations

from datetime import datetime, timezone

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.checks import causes, components, drift, instance, ticks
from playground_ops.checks.causes import DATABASE, DEPLOY, WEBSERVER, Seen, seen
from playground_ops.checks.folding import fold, lasting, rows
from playground_ops.checks.topic import Report, Topic
from playground_ops.core.component import ComponentStatus, Deploying, Heartbeat, Ticking, UnderWay
from playground_ops.core.errors import Finding, FindingKind, certain, transient
from playground_ops.core.loaded import Shown
from playground_ops.core.model import Location, Observation, Release, Revision, ServerStatus
from playground_ops.core.plan import Change, FieldChange, Plan
from playground_ops.defs import evaluations
from playground_ops.diagnose.container_reasons import known
from playground_ops.diagnose.database import explain_database
from playground_ops.diagnose.git_errors import explain
from playground_ops.engine.health.notice import Notified, Sender, as_slack, change
from playground_ops.targets.kubernetes.api.refusals import Refusal

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
AWAY = Shown(error="it does not answer (http://10.0.0.1:3000: Connection refused)", is_away=True)
DEPLOYS = Deploying(by="ada@laptop", since="2030-01-01T00:00:00.000+00:00")


def release(name: str) -> Release:
    revision = Revision(repository="r", commit="1" * 40)
    return Release(
        location=Location(name=name), number=46, revision=revision, configuration="c", created_at="t"
    )


def status(name: str, message: str, finding: Finding | None = None) -> ComponentStatus:
    return ComponentStatus(name=name, kind=name, ready=False, message=message, finding=finding)  # type: ignore[arg-type]


def shown(*names: str) -> Report:
    """Return what three locations are told of while the webserver does not answer."""
    return {name: {Topic.HEALTHY: components.is_shown(release(name), AWAY, "x")} for name in names}


def own(report: Report) -> list[tuple[str, str]]:
    return [(name, topic.value) for name, topic, _ in fold(report).worst]


ALSO = "ops healthy, a healthy, b healthy, webserver as_configured"


def test_a_webserver_that_is_scaled_to_nothing_is_one_row() -> None:
    scaled = FieldChange(path="spec.replicas", before="0", after="1", manager="kubectl-scale")
    there = Change(
        component="webserver", kind="webserver", object="deployment/w", action="update", fields=(scaled,)
    )
    _, differs = drift.check(Plan(changes=(there,)))
    down = components.is_up("webserver", status("webserver", components.SCALED_TO_NOTHING))
    report: Report = {
        "webserver": {
            Topic.HEALTHY: [*down, components.asks_in_vain()],
            Topic.AS_CONFIGURED: differs["webserver"],
        },
        **shown("ops", "a", "b"),
    }
    folded = fold(report)
    assert list(rows(folded)) == [
        ("webserver", "healthy", "component/webserver: It is scaled to nothing, so it has no pod."),
        ("", "", f"because of it also: {ALSO}"),
    ]
    assert set(folded.because) == {
        *((name, Topic.HEALTHY) for name in ("ops", "a", "b")),
        ("webserver", Topic.AS_CONFIGURED),
    }
    made = {name: evaluations.of(folded, name, Topic.HEALTHY) for name in ("webserver", "a")}
    assert (made["webserver"].passed, made["webserver"].severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert (made["a"].passed, made["a"].severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "This follows from `healthy` of `webserver`: component/webserver: It is scaled" in str(
        made["a"].description
    )
    assert "Release 46 serves" in str(made["a"].description), "what was seen here is not hidden"


def test_one_cause_is_one_message_and_its_end_another() -> None:
    down = components.is_up("webserver", status("webserver", "its first successful probe"))
    report: Report = {"webserver": {Topic.HEALTHY: down}, **shown("a", "b")}
    sender = Sender("Dagster", None)
    told, after = change(Notified(), fold(report), sender, NOW, ("webserver", "a", "b"))
    assert told is not None
    assert [(one.key, one.also) for one in told.new] == [("webserver/healthy", ("a healthy", "b healthy"))]
    assert "because of it also: a healthy, b healthy" in as_slack(told)["text"]
    well: Report = {name: {Topic.HEALTHY: []} for name in ("webserver", "a", "b")}
    ended, _ = change(after, fold(well), sender, NOW, ("webserver", "a", "b"))
    assert ended is not None
    assert ([one.key for one in ended.mended], ended.state) == (["webserver/healthy"], "well")


def test_what_was_told_before_its_cause_is_found_stays_told() -> None:
    bad: Report = {"a": {Topic.HEALTHY: [transient(object="x", observed="x", cause="y", fix="z")]}}
    _, known_outside = change(Notified(), fold(bad), Sender("Dagster", None), NOW)
    down = components.is_up("webserver", None)
    later: Report = {"webserver": {Topic.HEALTHY: down}, **shown("a")}
    told, _ = change(known_outside, fold(later), Sender("Dagster", None), NOW)
    assert told is not None
    assert [one.key for one in told.still] == ["a/healthy"], "nobody saw it well"


def database(postgres: list[Finding]) -> Report:
    """Return what is told while the database is away; `postgres`: what its own pod shows."""
    away = explain_database("connection to server failed: Connection refused")
    follows = [causes.missing("postgres"), "postgres"]
    ended = "DagsterPostgresException: too many retries for DB connection"
    daemon = transient(
        object="pod/dagster-daemon-1/daemon", observed=f"It ended, saying: {ended}.", cause="", fix=""
    )
    return {
        "webserver": {Topic.HEALTHY: components.is_up("webserver", status("webserver", "its first probe"))},
        "postgres": {Topic.HEALTHY: [*postgres, seen(away, explains=[DATABASE], follows=follows)]},
        "daemon": {Topic.HEALTHY: components.is_up("daemon", status("daemon", "ended", daemon))},
        "a": {
            Topic.HEALTHY: components.answers(
                release("a"), Observation(status=ServerStatus.STARTING, message="its probe")
            )
        },
        **shown("b"),
    }


def test_without_a_database_nothing_else_is_told() -> None:
    assert own(database([])) == [("postgres", "healthy")]
    pod = components.is_up("postgres", status("postgres", "its first successful probe"))
    (only,) = fold(database(pod)).worst
    assert only[2].object == "component/postgres", "where somebody can mend it"


def test_what_is_certain_stays_its_own_beside_a_bigger_trouble() -> None:
    """A wrong cause is worse than none."""
    report = database([])
    wrong = certain(object="pod/d/daemon", observed="InvalidImageName: x", cause="c", fix="f")
    report["daemon"] = {Topic.HEALTHY: components.is_up("daemon", status("daemon", "x", wrong))}
    moved = certain(object="location/b", observed="Release 1 serves", cause="by hand", fix="f")
    report["b"][Topic.HEALTHY] = [*report["b"][Topic.HEALTHY], moved]
    assert own(report) == [("postgres", "healthy"), ("daemon", "healthy"), ("b", "healthy")]
    (_, _, told) = fold(report).worst[-1]
    assert told is moved


def of_a_pod(name: str, reason: str, message: str = "") -> Finding:
    found = known(reason, message)
    assert found is not None
    return Finding(
        kind=found.kind,
        object=f"pod/{name}",
        observed=reason,
        cause=found.cause,
        fix=found.fix,
        whose=found.whose,
    )


@pytest.mark.parametrize(
    ("reason", "message"), [("NodeNotReady", ""), ("ErrImagePull", "dial tcp: i/o timeout")]
)
def test_what_hits_several_pods_is_told_once(reason: str, message: str) -> None:
    report: Report = {
        name: {Topic.HEALTHY: components.is_up(name, status(name, reason, of_a_pod(name, reason, message)))}
        for name in ("webserver", "postgres", "daemon")
    }
    seen_of_a = Observation(
        status=ServerStatus.STARTING, message=reason, finding=of_a_pod("a", reason, message)
    )
    report["a"] = {Topic.HEALTHY: components.answers(release("a"), seen_of_a)}
    assert own(report) == [("webserver", "healthy")]


def sources(**told: Finding) -> Report:
    return {name: {Topic.SOURCE: [causes.of_a_source(one)]} for name, one in told.items()}


UNREACHED = "Failed to connect to git.internal port 443"


def test_a_git_server_that_does_not_answer_is_told_once_and_another_one_by_itself() -> None:
    report = sources(
        a=explain("repository/https://git.internal/a.git", UNREACHED),
        b=explain("repository/https://git.internal/b.git", UNREACHED),
        c=explain("repository/git@other.internal:c.git", "Failed to connect to other.internal port 22"),
    )
    assert [name for name, _ in own(report)] == ["a", "c"]


def test_credentials_are_each_repository_s_own_matter_and_one_repository_s_one() -> None:
    refused = "fatal: Authentication failed for 'https://git.internal'"
    one, other = (explain(f"repository/https://git.internal/{name}.git", refused) for name in "ab")
    assert [name for name, _ in own(sources(a=one, b=other, c=one))] == ["a", "b"]


def test_a_quota_that_lets_no_pod_begin_is_one_cause_for_daemon_and_source() -> None:
    refused = of_a_pod("x", "FailedCreate", "exceeded quota: none")
    report = sources(a=refused)
    report["daemon"] = {Topic.HEALTHY: components.is_up("daemon", status("daemon", "x", refused))}
    assert own(report) == [("daemon", "healthy")]


def test_what_waits_for_the_daemon_or_a_server_follows_from_it() -> None:
    silent = Heartbeat(daemon="SENSOR", required=True, age_seconds=900)
    queued = UnderWay(run_id="r", job="j", location="a", status="QUEUED", seconds=9000)
    late = Ticking(
        location="a", kind="sensor", name="s", running=True, last="SUCCESS", age_seconds=9e3, every_seconds=30
    )
    report: Report = {
        "daemon": {Topic.HEALTHY: instance.check_daemons([silent])},
        "a": {Topic.RUNS: instance.check_runs([queued])["a"], Topic.TICKS: ticks.check([late])["a"]},
    }
    assert own(report) == [("daemon", "healthy")]
    del report["daemon"]
    assert own(report) == [("a", "ticks"), ("a", "runs_go_on")], "with a daemon that is well they are told"


def test_a_deploy_that_is_under_way_explains_what_it_is_about_to_change_and_nothing_else() -> None:
    message = (
        "pods is forbidden: dagster-ops may not use an image that the configuration does not name: git-sync:4"
    )
    refused = Refusal("pod/dagster-resolve-a-1", 403, "Forbidden", message).finding
    wrong = explain("repository/https://git.internal/b.git", "fatal: Authentication failed")
    report: Report = {
        "webserver": {
            Topic.HEALTHY: components.is_up("webserver", status("webserver", "its pod to be made"))
        },
        **sources(a=refused, b=wrong),
    }
    folded = fold(report, DEPLOYS)
    assert [(name, topic.value) for name, topic, _ in folded.worst] == [("b", "source")]
    sentence = "A deploy by ada@laptop is under way since 2030-01-01T00:00:00.000+00:00."
    assert folded.meanwhile() == f"{sentence} Not held against it: webserver healthy, a source."
    shown_of_a = evaluations.of(folded, "a", Topic.SOURCE)
    assert shown_of_a is not None
    assert (shown_of_a.passed, shown_of_a.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(shown_of_a.description).startswith(f"{sentence} This is looked at again when it has ended.")
    told, _ = change(Notified(), folded, Sender("Dagster", None), NOW)
    assert told is not None
    assert [one.key for one in told.new] == ["b/source"]
    assert own(report) == [("webserver", "healthy"), ("a", "source"), ("b", "source")], "without a deploy"


def test_what_passed_with_its_cause_is_not_told_at_the_second_look() -> None:
    down = components.is_up("webserver", status("webserver", "its first successful probe"))
    first: Report = {"webserver": {Topic.HEALTHY: down}, **shown("a", "b")}
    second: Report = {"webserver": {Topic.HEALTHY: []}, **shown("a"), "b": {Topic.HEALTHY: []}}
    assert own(lasting(first, second)) == [], "the location is being loaded"
    assert own(lasting(first, first)) == [("webserver", "healthy")]
    assert set(fold(lasting(first, first)).because) == {("a", Topic.HEALTHY), ("b", Topic.HEALTHY)}


LABELS = st.lists(st.sampled_from([*"uvwxyz", WEBSERVER, DEPLOY]), max_size=3).map(tuple)
FINDINGS = st.builds(
    Seen,
    kind=st.just(FindingKind.TRANSIENT),
    object=st.uuids().map(str),
    observed=st.just("x"),
    cause=st.just("y"),
    fix=st.just("z"),
    explains=LABELS,
    follows=LABELS,
)
REPORTS = st.dictionaries(
    st.sampled_from("abc"), st.dictionaries(st.sampled_from(list(Topic)), st.lists(FINDINGS, max_size=2))
)


@given(REPORTS, st.sampled_from([None, DEPLOYS]))
def test_nothing_is_lost_and_every_cause_is_told(report: Report, deploy: Deploying | None) -> None:
    folded = fold(report, deploy)
    every = [one for topics in report.values() for findings in topics.values() for one in findings]
    kept = [one for _, _, one in folded.worst] + [one for (_, _, one), _ in folded.consequences]
    assert sorted(one.object for one in kept) == sorted(one.object for one in every)
    for _, cause in folded.consequences:
        assert cause in folded.worst or (cause is None and deploy is not None)
    if every and deploy is None:
        assert folded.worst, "a circle has a beginning"
    for (name, topic), because in folded.because.items():
        assert topic not in folded.report[name]
        assert because.findings
