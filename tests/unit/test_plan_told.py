"""A plan tells each changed key once, with its value before and after, and what a hash stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.config import Configuration, read
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.config.differences import told_by_key
from playground_ops.config.digest import location_settings
from playground_ops.core.component import Component
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.plan import FieldChange, plan
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.release import context_of_runs
from playground_ops.targets.kubernetes.objects.fields import differences, missing
from playground_ops.targets.kubernetes.releases.differences import BY_ANOTHER_VERSION, of_pod

TEXT = """
# what runs
code_locations:
  - {name: a, repo: {url: https://git.test/x, ref: main}, environment: {LEVEL: info}}
  - {name: b, repo: {url: https://git.test/x, ref: "1.10"}}
daemon: {dequeue_interval_seconds: 2}
"""


def a_config_map(text: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "data": {"configvalues.yaml": text, "allowed.json": "{}"}}


def rows(found: tuple[FieldChange, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(one.path, one.before, one.after) for one in found]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ref: main", "ref: next", ("code_locations[a].repo.ref", "main", "next")),
        ('ref: "1.10"', 'ref: "1.1"', ("code_locations[b].repo.ref", "1.10", "1.1")),
        ("LEVEL: info", "LEVEL: hunter2", ("code_locations[a].environment.LEVEL", "***", "***")),
        ("daemon: {", "daemon: {pod: {}, ", ("daemon.pod", None, "{}")),
        ("daemon: {dequeue_interval_seconds: 2}", "", ("daemon.dequeue_interval_seconds", "2", None)),
    ],
)
def test_one_changed_key_is_one_row(old: str, new: str, expected: tuple[str, str | None, str | None]) -> None:
    path, before, after = expected
    for compare in (differences, missing):
        found = compare(a_config_map(TEXT), a_config_map(TEXT.replace(old, new)))
        assert rows(found) == [(f"configvalues.yaml:{path}", before, after)]


def test_a_comment_is_a_change_of_the_file_and_of_no_key() -> None:
    for compare in (differences, missing):
        (found,) = compare(a_config_map(TEXT), a_config_map(TEXT.replace("what runs", "all that runs")))
        assert found.path == "configvalues.yaml"
        assert "comments" in str(found.after)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_differ_in_something(before: str, after: str) -> None:
    found = differences(a_config_map(before), a_config_map(after))
    assert bool(found) == (before != after)


A = Location(name="a", repository="https://git.test/x", ref="main", environment={"TOKEN": "hunter2"})
CHANGES: list[tuple[dict[str, Any], list[tuple[str, str | None, str | None]]]] = [
    ({"ref": "next"}, [("ref", "main", "next")]),
    ({"ref": None}, [("ref", "main", "HEAD")]),
    ({"smoke_job": "try_it"}, [("smoke_job", None, "try_it")]),
    ({"must_keep": ("job",)}, [("must_keep", None, '["job"]')]),
    ({"environment": {"TOKEN": "another"}}, [("environment.TOKEN", "***", "***")]),
    ({"environment": {}}, [("environment.TOKEN", "***", None)]),
    ({"module": "m", "automation": "off"}, [("automation", "on", "off"), ("module", None, "m")]),
]


def planned(was: Location, will: Location) -> tuple[FieldChange, ...]:
    def component(one: Location) -> Component:
        return Component(name="a", kind="location", settings=location_settings(one, None))

    (change,) = plan([component(will)], [component(was)]).changes
    return change.fields


@pytest.mark.parametrize(("update", "expected"), CHANGES)
def test_a_location_is_told_by_key_without_a_hash_or_a_value_of_its_environment(
    update: dict[str, Any], expected: list[tuple[str, str | None, str | None]]
) -> None:
    will = A.model_copy(update=update)
    assert rows(told_by_key(planned(A, will), A, will)) == expected


def test_what_is_no_setting_stays_and_a_hash_of_which_nothing_is_known() -> None:
    process = FieldChange(path="process", before="exit code 1", after="running")
    assert told_by_key([process], A, A) == (process,)
    unknown = FieldChange(path="configuration", before="1", after="2")
    assert told_by_key([unknown], A, A) == (unknown,)


def test_of_a_script_the_changed_lines_are_shown() -> None:
    script = "\n".join(f"echo {number} and more of the same" for number in range(40))
    field = FieldChange(path="command", before=script, after=script.replace("echo 7 ", "exec 7 "))
    short = field.in_short()
    assert (short.before, short.after) == ("echo 7 and more of the same", "exec 7 and more of the same")
    assert len(FieldChange(path="x", before="a" * 900, after=None).in_short().before or "") < 250


def configured(text: str = "", **versions: str) -> Configuration:
    whole = f"{text}\ncode_locations: [{{name: a, repo: {{url: https://git.test/x, secret: git}}}}]\n"
    found = read(whole, Path("configvalues.yaml"))
    return with_fingerprints(in_cluster(found, ClusterFacts(secret_versions={"git": "1", **versions})))


def a_release(configuration: Configuration, name: str) -> Release:
    location = next(one for one in configuration.all_locations if one.name == name)
    revision = Revision(repository=location.repository, commit="1" * 40)
    return Release(location=location, number=7, revision=revision, configuration="", created_at="")


@pytest.mark.parametrize(
    ("text", "versions", "expected"),
    [
        (
            "images: {dagster: registry.internal/dagster:2}",
            {},
            {"container.image": ("docker.io/dagster/dagster-k8s:1.13.27", "registry.internal/dagster:2")},
        ),
        (
            "postgres: {external: {host: dagster-postgres, port: 6432}}",
            {},
            {"environment.PLAYGROUND_INSTANCE:storage.postgres.postgres_db.port": ("5432", "6432")},
        ),
        ("", {"git": "2"}, {"Secret git": ("version 1", "version 2")}),
    ],
)
def test_what_about_a_pod_changes_is_told(
    text: str, versions: dict[str, str], expected: dict[str, tuple[str, str]]
) -> None:
    was, will = configured(), configured(text, **versions)
    release = a_release(was, "a")
    assert release.location.surroundings != a_release(will, "a").location.surroundings
    found = of_pod(release, will, context_of_runs(release, was, "dagster-code-1"))
    told = {one.path: (one.before, one.after) for one in found}
    assert expected.items() <= told.items()
    assert len(told) <= 2, "nothing else does: the image is that of two containers"


def test_a_release_of_an_earlier_version_has_no_such_account_of_its_pod() -> None:
    will = configured()
    for context in (None, "", "{}", "edited by hand"):
        assert of_pod(a_release(will, "a"), will, context) == (BY_ANOTHER_VERSION,)
