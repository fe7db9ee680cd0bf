"""Limits during a deploy: they allow what they did before and what they will, and afterwards that alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.config import Configuration, read
from playground_ops.core.plan import Change
from playground_ops.render import admission, foundation, run_admission
from playground_ops.render.names import CONFIGURATION, CONFIGURATION_KEY, Object, an_object
from playground_ops.targets.kubernetes.api.paths import path, title
from playground_ops.targets.kubernetes.outside import widening
from playground_ops.targets.kubernetes.outside.widening import network_policy, policy, role
from tests.apiserver import Server, Written

FILE = """
kubernetes: {namespace: team}
run_launcher: kubernetes
images: {git_sync: "registry.internal/git-sync:%s"}
code_locations: [{name: a, repo: {url: https://git.internal/%s.git}}]
"""


def configured(version: int, repository: str = "a") -> Configuration:
    return read(FILE % (version, repository), Path("x.yaml"))


def policies(found: Configuration) -> list[Object]:
    rendered = [*admission.render(found), *run_admission.render(found)]
    return [one for one in rendered if one["kind"] == "ValidatingAdmissionPolicy"]


def admits(made: Object, image: str) -> bool:
    """Evaluate a policy of simple expressions, in which Python and CEL agree but for the words."""
    values: dict[str, Any] = {}

    def value(expression: str) -> Any:
        text = re.sub(r"variables\.(\w+)", r"values['\1']", expression)
        text = text.replace("||", " or ").replace("&&", " and ")
        return eval(text, {"values": values, "image": image})

    for one in made["spec"]["variables"]:
        values[one["name"]] = value(one["expression"])
    return all(value(one["expression"]) for one in made["spec"]["validations"])


def a_policy(images: list[str], refused: list[str]) -> Object:
    tests = ["image in variables.images", "variables.wanted && not (image in variables.refused)"]
    variables = {
        "images": json.dumps(images),
        "refused": json.dumps(refused),
        "wanted": "image in variables.images || image in variables.refused",
    }
    return {
        "kind": "ValidatingAdmissionPolicy",
        "spec": {
            "variables": [{"name": name, "expression": text} for name, text in variables.items()],
            "validations": [{"expression": test} for test in tests],
        },
    }


IMAGES = st.lists(st.sampled_from("abcd"), max_size=3)
POLICIES = st.builds(a_policy, IMAGES, IMAGES)


@given(POLICIES, POLICIES, POLICIES, st.sampled_from("abcd"))
def test_a_wide_policy_admits_what_either_does_and_nothing_else(
    first: Object, second: Object, third: Object, image: str
) -> None:
    wide = policy(first, second)
    assert admits(wide, image) == (admits(first, image) or admits(second, image))
    wider = policy(wide, third)
    assert admits(wider, image) == any(admits(one, image) for one in (first, second, third)), (
        "of a dead deploy"
    )


def test_its_variables_are_there_before_they_are_used() -> None:
    for before, after in zip(policies(configured(1)), policies(configured(2, "b")), strict=True):
        wide = policy(policy(before, after), after)["spec"]
        known: set[str] = set()
        for one in wide.get("variables", ()):
            assert one["name"] not in known
            if not one["expression"].startswith(('"', "[", "{")):
                assert set(re.findall(r"\bvariables\.(\w+)", one["expression"])) <= known, one["name"]
            known.add(one["name"])
        for one in wide["validations"]:
            text = one["expression"] + one.get("messageExpression", "")
            assert set(re.findall(r"\bvariables\.(\w+)", text)) <= known
            assert one["expression"].startswith("variables.before_admits || ")


def test_the_images_of_both_configurations_and_the_scripts_as_they_are_stand_in_it() -> None:
    before, after = (policies(configured(version))[0] for version in (1, 2))
    found = {one["name"]: one["expression"] for one in policy(before, after)["spec"]["variables"]}
    assert "git-sync:1" in found["before_images"]
    assert "git-sync:2" in found["images"]
    assert found["before_fetch"] == found["fetch"], "a script is no expression"


def test_rights_and_network_policies_are_both_too() -> None:
    before, after = (
        next(one for one in foundation.rights(configured(1)) if one["kind"] == "Role") for _ in "12"
    )
    kept, gone = after["rules"][:-1], after["rules"][-1]
    assert role(before, {**after, "rules": kept})["rules"] == [*kept, gone]
    closed, *_ = foundation.network_policies(configured(1))
    one = {**closed, "spec": {**closed["spec"], "ingress": [{"from": [{"podSelector": {}}]}]}}
    assert network_policy(one, closed)["spec"]["ingress"] == one["spec"]["ingress"]
    assert network_policy(closed, one)["spec"] == one["spec"]
    other = {**closed, "spec": {**closed["spec"], "podSelector": {"matchLabels": {"app": "x"}}}}
    assert network_policy(one, other) == other, "about other pods it is another policy"


def updates(found: Configuration) -> list[Change]:
    return [
        Change(component="foundation", kind="stack", object=title(one), action="update", manifest=one)
        for one in policies(found)
    ]


@pytest.fixture
def server() -> Server:
    """The API server of a stack that was deployed with the first configuration."""
    return Server(Written(*policies(configured(1)), in_force(configured(1))))


def in_force(found: Configuration) -> Object:
    return an_object("v1", "ConfigMap", CONFIGURATION, "team", {}, data={CONFIGURATION_KEY: found.text})


def narrowed(server: Server, found: Configuration) -> list[str]:
    said: list[str] = []
    widening.narrow(server, "team", found.text, updates(found), said.append)
    return said


def test_they_are_widened_with_what_is_live_and_narrowed_when_the_deploy_has_ended(server: Server) -> None:
    after = configured(2)
    (first, *_) = wide = list(widening.widened(server, updates(after)))
    assert first.manifest is not None
    assert "git-sync:1" in json.dumps(first.manifest)
    assert "git-sync:2" in json.dumps(first.manifest)
    server.written.keep(path(in_force(after)), in_force(after))
    said = narrowed(server, after)
    assert said == [f"{one.object} narrowed to the configuration" for one in wide]
    assert "git-sync:1" not in json.dumps(server.written.objects[path(dict(first.manifest))])


def test_of_two_deploys_the_one_whose_configuration_is_in_force_narrows(server: Server) -> None:
    server.written.keep(path(in_force(configured(3))), in_force(configured(3)))
    assert narrowed(server, configured(2)) == []
    assert narrowed(server, configured(3)) != []
