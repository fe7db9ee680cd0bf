"""Deployments in the configuration: what they have, whose locations are whose, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from playground_ops.config import Configuration, read
from playground_ops.config.collisions import apart, told
from playground_ops.config.deployment_notes import notes
from playground_ops.config.digest import digest
from playground_ops.core.model import MAIN
from tests.unit.test_config import faults_of

HERE = Path("configvalues.yaml")
TWO = """
webserver: {port: 3000}
run_queue: {max_concurrent_runs: 10}
deployments:
  - name: next
    webserver: {port: 3001}
    daemon: off
    run_queue: {max_concurrent_runs: 2}
    environment: {REGION: test, STAGE: next}
code_locations:
  - {name: a, repo: /x}
  - {name: b, repo: /x, deployment: next, environment: {REGION: mine}}
"""


def parse(text: str) -> Configuration:
    return read(text, HERE)


def test_without_any_everything_is_of_the_main_one() -> None:
    found = parse("code_locations: [{name: a}, {name: b}]")
    assert found.deployment_names == (MAIN,)
    assert {one.deployment for one in found.all_locations} == {MAIN}
    assert found.of(MAIN).all_locations == found.all_locations


def test_each_has_its_settings_and_its_locations_alone() -> None:
    found = parse(TWO)
    assert found.deployment_names == (MAIN, "next")
    main, other = found.of(MAIN), found.of("next")
    assert [one.name for one in main.all_locations] == ["ops", "a"]
    assert [one.name for one in other.all_locations] == ["b"]
    assert (main.webserver.port, other.webserver.port) == (3000, 3001)
    assert (main.run_queue.max_concurrent_runs, other.run_queue.max_concurrent_runs) == (10, 2)
    assert (main.has_daemon, other.has_daemon) == (True, False)
    assert found.deployment_of("b") == "next"


def test_its_variables_are_beneath_those_of_its_locations() -> None:
    a, b = parse(TWO).locations
    assert a.environment == {}
    assert b.environment == {"REGION": "mine", "STAGE": "next"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [("on", True), ("off", False), ("{enabled: off}", False), ("{dequeue_interval_seconds: 5}", True)],
)
def test_the_daemon_is_on_or_off(written: str, expected: bool) -> None:
    found = parse(f"deployments: [{{name: next, daemon: {written}}}]")
    assert found.of("next").has_daemon is expected


def test_a_path_of_the_main_ingress() -> None:
    text = "deployments: [{name: next, webserver: {path: /next}}]\nkubernetes: {ingress: {host: x.test}}"
    ingress = parse(text).of("next").kubernetes.ingress
    assert ingress is not None
    assert (ingress.host, ingress.path) == ("x.test", "/next")


def test_releases_from_before_there_were_any_are_configured_alike() -> None:
    texts = ("code_locations: [{name: a}]", "code_locations: [{name: a, deployment: main}]")
    before, after = (parse(text).locations[0] for text in texts)
    assert digest(before) == digest(after) == "9acae1cbf4fe28ad"


def test_two_versions_in_the_flat_form_have_a_deployment_each() -> None:
    found = parse("environment: {repo_url_a: /x, repo_ref_a: main, repo_url_b: /x, repo_ref_b: next}")
    assert [(one.name, one.deployment) for one in found.locations] == [("a", MAIN), ("b", "b")]
    assert found.deployment_names == (MAIN, "b")
    apart = parse("environment: {repo_url_a: /x, repo_url_b: /y}")
    assert apart.deployment_names == (MAIN,)
    assert parse("environment: {repo_url_a: /x}").deployment_names == (MAIN,)


@pytest.mark.parametrize(
    ("deployments", "path", "told"),
    [
        ("[{name: main}]", "deployments[0].name", "taken by the stack"),
        ("[{name: ops}]", "deployments[0].name", "taken by the stack"),
        ("[{name: webserver}]", "deployments[0].name", "taken by the stack"),
        ("[{name: Next}]", "deployments[0].name", "lower-case"),
        ("[{name: x, daemon: perhaps}]", "deployments[0].daemon.enabled", "'on' or 'off'"),
        ("[{name: x}, {name: x}]", "deployments[1].name", "a second time"),
        (
            "[{name: x, webserver: {port: 4000}}, {name: y, webserver: {port: 4000}}]",
            "deployments[1].webserver.port",
            "the port of `deployments[0].webserver`",
        ),
        ("[{name: x, webserver: {port: 3000}}]", "deployments[0].webserver.port", "the port of `webserver`"),
        ("[{name: x, webserver: {path: /x}}]", "deployments[0].webserver.path", "there is none of"),
        ("[{webserver: {}}]", "deployments[0].name", "Add `name`"),
        ("[{name: x, run_que: {}}]", "deployments[0].run_que", "Did you mean `run_queue`?"),
    ],
)
def test_a_fault_of_one_is_told_by_its_path(deployments: str, path: str, told: str) -> None:
    found = faults_of(f"webserver: {{port: 3000}}\ndeployments: {deployments}")
    assert list(found) == [path]
    assert told in str(found[path])


def test_an_unknown_one_is_told_with_the_nearest_name() -> None:
    text = "deployments: [{name: next}]\ncode_locations: [{name: b, deployment: nxt}]"
    assert "Did you mean `next`?" in faults_of(text)["code_locations[0].deployment"].fix


def test_an_external_database_is_for_one_instance() -> None:
    main = "postgres: {external: {host: db.test}}\n"
    found = faults_of(f"{main}deployments: [{{name: next}}]")
    assert list(found) == ["deployments[0].postgres.external"]
    same = "deployments: [{name: next, postgres: {external: {host: db.test}}}]"
    assert "the database of `postgres`" in str(faults_of(main + same)["deployments[0].postgres.external"])
    other = "deployments: [{name: next, postgres: {external: {host: db.test, database: next}}}]"
    assert parse(main + other).of("next").postgres.external is not None


def test_the_same_code_twice_in_one_deployment_is_told() -> None:
    document = {"code_locations": [{"name": name, "repo": {"url": "/x"}} for name in ("a", "b")]}
    (sentence,) = told(parse(yaml.safe_dump(document)))
    assert "Locations a and b have the same code" in sentence
    assert told(parse(TWO)) == []
    for index in (0, 1):
        shares = [
            {**one, "shared_assets": "warn"} if one is document["code_locations"][index] else one
            for one in document["code_locations"]
        ]
        assert told(parse(yaml.safe_dump({"code_locations": shares}))) == []
    document["code_locations"][1] = {"name": "b", "repo": {"url": "/x", "subdirectory": "b"}}
    assert told(parse(yaml.safe_dump(document))) == []


def test_that_b_of_the_flat_form_is_apart_is_told() -> None:
    found = parse("environment: {repo_url_a: /x, repo_ref_a: main, repo_url_b: /x, repo_ref_b: next}")
    assert "in a deployment of its own, b" in str(apart(found))
    assert "`ui b`" in str(apart(found.of("b")))
    for text in ("environment: {repo_url_a: /x, repo_url_b: /y}", TWO, "{}"):
        assert apart(parse(text)) is None


def test_what_somebody_should_know_of_a_deployment_is_told_and_no_fault() -> None:
    found = read(
        "deployments: [{name: next}, {name: quiet, daemon: off}]\ncode_locations:\n"
        "- {name: c, deployment: quiet}\n",
        Path("x.yaml"),
    )
    empty, quiet = notes(found)
    assert "Deployment next has no locations" in empty
    assert "Deployment quiet has no daemon" in quiet
    assert notes(read("", Path("x.yaml"))) == []
