"""The variables by which code finds its deployment and commit, of the stack and as Dagster+ names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterRun

from playground_ops.config import Configuration, read
from playground_ops.config.dagster_plus import dagster_plus_variables
from playground_ops.core.model import Location, Release, Revision
from playground_ops.render import one_shot_pods, where_it_runs
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.release import context_of_runs, render
from playground_ops.targets.common import smoke
from playground_ops.targets.kubernetes.releases.differences import of_pod
from tests.rendered import ARCHIVE, COMMIT
from tests.runpods import job_of

PLUS = "DAGSTER_CLOUD_"
HTTPS = "https://git.internal:8443/team/sub/orders.git"


def release_of(location: Location, ref: str | None = None) -> Release:
    commit = COMMIT if location.repository else "content-0123"
    revision = Revision(repository=location.repository, commit=commit, ref=ref)
    return Release(location=location, number=3, revision=revision, configuration="", created_at="")


def of_git(
    repository: str | None, configured: str | None = "main", asked: str | None = None
) -> dict[str, str]:
    found = dagster_plus_variables(
        release_of(Location(name="a", repository=repository, ref=configured), asked)
    )
    return {key.removeprefix(f"{PLUS}GIT_"): value for key, value in found.items() if "_GIT_" in key}


@pytest.mark.parametrize(
    ("repository", "name", "page"),
    [
        (HTTPS, "team/sub/orders", "https://git.internal:8443/team/sub/orders"),
        ("https://github.com/team/orders/", "team/orders", "https://github.com/team/orders"),
        ("git@github.com:team/orders.git", "team/orders", "https://github.com/team/orders"),
        ("ssh://ada@git.internal:2222/team/orders.git", "team/orders", "https://git.internal/team/orders"),
        ("http://[fd00::1]/orders", "orders", "http://[fd00::1]/orders"),
        ("git://git.internal/orders.git", "orders", None),
        ("file:///srv/git/orders.git", "orders", None),
        ("/home/ada/orders/", "orders", None),
        ("https://ada:hunter2@git.internal/orders", None, None),
    ],
)
def test_a_repository_is_named_without_user_or_password(
    repository: str, name: str | None, page: str | None
) -> None:
    found = of_git(repository)
    assert (found["SHA"], found.get("REPO"), found.get("URL")) == (COMMIT, name, page)
    assert "ada" not in json.dumps(found)


@pytest.mark.parametrize(
    ("configured", "asked", "branch"),
    [
        ("main", None, "main"),
        ("main", "feature/vat", "feature/vat"),
        ("refs/heads/main", None, "main"),
        (None, None, None),
        ("main", COMMIT, None),
        ("refs/tags/v1", None, None),
    ],
)
def test_the_branch_is_the_ref_that_was_asked_for_and_a_commit_is_none(
    configured: str | None, asked: str | None, branch: str | None
) -> None:
    assert of_git(HTTPS, configured, asked).get("BRANCH") == branch


def test_without_a_repository_there_is_nothing_of_git_and_ops_gets_nothing() -> None:
    known = {f"{PLUS}DEPLOYMENT_NAME": "next", f"{PLUS}IS_BRANCH_DEPLOYMENT": "0"}
    assert dagster_plus_variables(release_of(Location(name="b", deployment="next"))) == known
    assert dagster_plus_variables(release_of(Location(name="ops", repository=HTTPS))) == {}


def test_in_open_source_dagster_they_are_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dagster_plus_variables(
        release_of(Location(name="a", repository=HTTPS, ref="main"))
    ).items():
        monkeypatch.setenv(name, value)
    found = DagsterRun(job_name="j", run_id="r").dagster_execution_info
    assert found == {
        "dagster/run-id": "r",
        "dagster/job": "j",
        "dagster/deployment-name": "main",
        "dagster/git-repo": "team/sub/orders",
        "dagster/git-branch": "main",
        "dagster/git-sha": COMMIT,
    }


TEXT = f"""
target: kubernetes
run_launcher: kubernetes
deployments: [{{name: next}}]
code_locations:
  - {{name: a, repo: {{url: '{HTTPS}', ref: main}}, smoke_job: smoke}}
  - name: b
    repo: {{url: '{HTTPS}', ref: next}}
    deployment: next
    environment: {{{PLUS}GIT_SHA: mine}}
    pod: {{environment: {{{PLUS}DEPLOYMENT_NAME: staging}}}}
  - {{name: c, image: 'registry/c:1', module: c.definitions, working_directory: /srv/c}}
"""


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read(TEXT, Path("configvalues.yaml"))


def told(pod: dict[str, Any]) -> dict[str, str]:
    """Return what the pod says of it; each variable stands once."""
    every = [
        one for one in pod["containers"][0]["env"] if one["name"].startswith((PLUS, where_it_runs.DEPLOYMENT))
    ]
    found = {one["name"]: one["value"] for one in every}
    assert len(found) == len(every)
    return found


def test_server_runs_and_smoke_test_find_them_in_a_cluster(configuration: Configuration) -> None:
    made = release_of(configuration.locations[0])
    expected = {where_it_runs.DEPLOYMENT: "main", **dagster_plus_variables(made)}
    assert len(expected) == 7
    (test,) = smoke.wanted(made)
    script = one_shot_pods.Script(smoke.SCRIPT, test.arguments)
    job = job_of(made, configuration, ARCHIVE)
    for pod in (
        render(made, configuration, ARCHIVE)[0]["spec"]["template"],
        job["spec"]["template"],
        one_shot_pods.smoke_pod(made, configuration, ARCHIVE, "smoke", script),
    ):
        assert told(pod["spec"]) == expected


def test_what_a_location_configures_counts_more(configuration: Configuration) -> None:
    made = release_of(configuration.locations[1])
    found = told(render(made, configuration, ARCHIVE)[0]["spec"]["template"]["spec"])
    assert (found[f"{PLUS}GIT_SHA"], found[f"{PLUS}DEPLOYMENT_NAME"]) == ("mine", "staging")
    assert (found[where_it_runs.DEPLOYMENT], found[f"{PLUS}GIT_BRANCH"]) == ("next", "next")


def test_no_release_is_made_anew_because_of_them(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those from before have none, and are configured alike; a plan does not tell of them either."""
    made = release_of(configuration.locations[0])
    now = with_fingerprints(configuration).all_locations
    new = context_of_runs(made, configuration, ARCHIVE)
    with monkeypatch.context() as before:
        before.setattr(where_it_runs, "variables", lambda _: [])
        assert with_fingerprints(configuration).all_locations == now
        old = context_of_runs(made, configuration, ARCHIVE)
    assert (PLUS in new, PLUS in old) == (True, False)
    text = TEXT.replace("run_launcher", "images: {dagster: 'registry/other:1'}\nrun_launcher")
    changed = of_pod(made, read(text, Path("configvalues.yaml")), old)
    assert {one.path for one in changed} == {"container.image", "pod.initContainers[install-packages].image"}
