"""The digest: the same for locations that are configured alike, another when a release would differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from playground_ops.config import digest, read
from playground_ops.config.digest import seen_by_ops, with_what_ops_sees
from playground_ops.core.model import Dependencies, InImage, Isolation, Location
from playground_ops.core.pod_settings import PodSettings

HERE = Path("/srv/stack/configvalues.yaml")
NEEDS_NO_RELEASE = {
    "follow": True,
    "follow_interval_seconds": 60,
    "longest_run_seconds": 60,
    "allowed_refs": ("release-*",),
    "approval": "manual",
    "approval_timeout_seconds": 60,
    "isolation": Isolation(namespace="y", database=True),
    "smoke_timeout_seconds": 60,
    "prepare_timeout_seconds": 60,
    "room": "4Gi",
    "shared_assets": "warn",
    "egress": (),
    "environment_files": ("/srv/stack/y.env",),
}
NEEDS_A_RELEASE = {
    "name": "y",
    "repository": "/y",
    "in_image": InImage(image="registry/y:1"),
    "ref": "next",
    "subdirectory": "projects/y",
    "module": "y",
    "attribute": "y",
    "dependencies": Dependencies.SHARED,
    "deployment": "next",
    "dependencies_from": "requirements/production.txt",
    "extras": ("production",),
    "groups": ("production",),
    "automation": "off",
    "environment": {"A": "1"},
    "startup_timeout_seconds": 20,
    "smoke_job": "smoke",
    "smoke_check": "y:z",
    "must_keep": ("asset",),
    "reads": ("z",),
    "prepare": (("dbt", "deps"),),
    "environment_content": "0123456789abcdef",
    "surroundings": "0123456789abcdef",
    "git_secret": "orders-git",
    "pod": PodSettings(node_selector={"disk": "fast"}),
}
X = Location(name="x", repository="/x", ref="main")


def test_every_setting_of_a_location_is_of_one_kind_or_the_other() -> None:
    assert {*NEEDS_NO_RELEASE, *NEEDS_A_RELEASE} == set(Location.model_fields)


@pytest.mark.parametrize("key", NEEDS_A_RELEASE)
def test_a_setting_that_reaches_the_release_makes_another_digest(key: str) -> None:
    assert digest(X.model_copy(update={key: NEEDS_A_RELEASE[key]})) != digest(X)


@pytest.mark.parametrize("key", NEEDS_NO_RELEASE)
def test_a_setting_that_does_not_reach_it_makes_no_other(key: str) -> None:
    assert digest(X.model_copy(update={key: NEEDS_NO_RELEASE[key]})) == digest(X)


def test_to_prepare_nothing_is_not_to_say_nothing() -> None:
    assert digest(X.model_copy(update={"prepare": ()})) != digest(X)


def test_what_is_beside_its_pod_makes_no_other() -> None:
    pod = PodSettings(service_annotations={"a": "b"}, disruption_budget=True)
    assert digest(X.model_copy(update={"pod": pod})) == digest(X)


def test_the_order_of_keys_makes_no_other() -> None:
    def of(entry: dict[str, Any]) -> str:
        text = yaml.safe_dump({"code_locations": [entry]}, sort_keys=False)
        return digest(read(text, HERE).locations[0])

    entry = {"name": "x", "environment": {"A": "1", "B": "2"}, "module": "m"}
    turned = {"module": "m", "environment": {"B": "2", "A": "1"}, "name": "x"}
    assert of(entry) == of(turned)
    assert of(entry) != of({**entry, "environment": {"A": "2", "B": "1"}})


def test_an_environment_can_not_be_made_to_look_like_another_setting() -> None:
    one = X.model_copy(update={"environment": {"A": "1", "B": "2"}})
    other = X.model_copy(update={"environment": {"A": "1'), ('B', '2"}})
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("text", "differs"),
    [
        ("code_locations: [{name: a, repo: {url: /x, ref: main}, follow: true}]", True),
        ("code_locations: [{name: b, repo: {url: /x, ref: main}}]", True),
        ("code_locations: [{name: a, repo: {url: /x, ref: main}, module: m}]", False),
        ("{code_locations: [{name: a, repo: {url: /x, ref: main}}], health: {interval_minutes: 7}}", True),
        ("{code_locations: [{name: a, repo: {url: /x, ref: main}}], webserver: {port: 3001}}", False),
    ],
)
def test_ops_is_another_where_its_assets_sensors_or_schedule_would_be(text: str, differs: bool) -> None:
    """A location that a `deploy` on one machine made follow its ref had no sensor."""
    before = read("code_locations: [{name: a, repo: {url: /x, ref: main}}]", HERE)
    ops = [digest(with_what_ops_sees(found).ops) for found in (before, read(text, HERE))]
    assert (ops[0] != ops[1]) is differs


def test_another_deployment_is_another_graph_of_ops() -> None:
    """Also where names and numbers of locations and components stay the same."""
    located = "code_locations: [{{name: b, deployment: {0}}}]\ndeployments: [{{name: {0}{1}}}]"
    texts = [located.format("next", ""), located.format("other", ""), located.format("next", ", daemon: off")]
    texts += ["code_locations: [{name: b}]", "code_locations: [{name: b}]\ndeployments: [{name: next}]"]
    seen = {seen_by_ops(read(text, HERE)) for text in texts}
    assert len(seen) == len(texts)
