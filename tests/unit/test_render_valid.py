"""Every rendered object fits the strict schemas of every supported version of Kubernetes."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache, reduce
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_validate.utils import all_versions, major_minor

from playground_ops.config import read
from playground_ops.config.configuration import File
from playground_ops.config.faults import every_path
from playground_ops.targets.kubernetes.outside.preflight import NEWEST, OLDEST, of_version
from tests.rendered import (
    ELSEWHERE,
    IN_GOOGLE,
    ROOT,
    SUPPORTED,
    WHOLE,
    code_archive,
    everything,
    faults,
    fits,
)
from tests.unit.test_render import FILES

HERE = ROOT / "configvalues.yaml"
TEXTS = {"default": "", "every key": WHOLE, "an external database": ELSEWHERE, "in Google": IN_GOOGLE}
FREE = (
    *("annotations", "data", "hard", "labels", "limits", "matchLabels", "nodeSelector", "requests"),
    "selector",
)
"""Maps with free keys: a Service's selector too, whereas a Deployment's has fixed keys."""
Path = tuple[str | int, ...]


def made(text: str) -> list[dict[str, Any]]:
    return list(everything(read(text, HERE)))


@cache
def known(text: str) -> list[dict[str, Any]]:
    """Return a configuration's objects, shared by tests: whoever changes an object changes it back."""
    return made(text)


@pytest.mark.parametrize("version", SUPPORTED)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_object_fits_the_schemas(text: str, version: str) -> None:
    assert [fault for one in known(text) for fault in faults(one, version)] == []


def test_the_archive_of_the_code_fits_them() -> None:
    archive = code_archive("dagster")
    assert [fault for version in SUPPORTED for fault in faults(archive, version)] == []


@settings(max_examples=60)
@given(FILES, st.sampled_from(SUPPORTED))
def test_whatever_is_configured_renders_to_valid_objects(document: dict[str, Any], version: str) -> None:
    for one in made(yaml.safe_dump(document)):
        assert faults(one, version) == []


def keys(found: Any, above: Path = ()) -> Iterator[Path]:
    """Yield the paths of all keys that Kubernetes knows; the first item of a list is enough."""
    if isinstance(found, list):
        for item in found[:1]:
            yield from keys(item, (*above, 0))
    elif isinstance(found, dict):
        for key, inner in found.items():
            yield (*above, key)
            if key not in FREE or (key == "selector" and "matchLabels" in inner):
                yield from keys(inner, (*above, key))


@pytest.mark.parametrize("version", SUPPORTED)
def test_any_misspelt_field_is_a_fault(version: str) -> None:
    by_kind = {one["kind"]: one for one in known(WHOLE)}
    passed = []
    for kind, one in by_kind.items():
        for path in list(keys(one)):
            if path in (("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")):
                continue  # these select the schema, and faults are reported by them
            place = reduce(lambda inside, step: inside[step], path[:-1], one)
            place["misspelt"] = place.pop(path[-1])
            if fits(one, version):
                passed.append((kind, *path))
            place[path[-1]] = place.pop("misspelt")
    assert passed == []


def test_text_where_a_number_belongs_is_a_fault() -> None:
    deployment = copy.deepcopy(next(one for one in made("") if one["kind"] == "Deployment"))
    deployment["spec"]["replicas"] = "1"
    (told,) = faults(deployment, SUPPORTED[0])
    assert told.startswith("Deployment/dagster-webserver $.spec.replicas: '1' is not of type 'integer'")


def set_in(found: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all keys of a document, without the positions in lists."""
    if isinstance(found, dict):
        for key, inner in found.items():
            yield (*above, key)
            yield from set_in(inner, (*above, key))
    for item in found if isinstance(found, list) else ():
        yield from set_in(item, above)


OF_ONE_MACHINE = {("environment_file",), ("code_locations", "environment_file")}
"""Keys that are refused on Kubernetes."""


def test_the_configurations_of_these_tests_have_every_key() -> None:
    every = {tuple(step for step in steps if isinstance(step, str)) for steps in every_path(File)}
    there = {path for text in (WHOLE, ELSEWHERE, IN_GOOGLE) for path in set_in(yaml.safe_load(text))}
    assert every - there == OF_ONE_MACHINE


def told(major: int, minor: int | str) -> dict[str, str]:
    return {"major": str(major), "minor": str(minor), "gitVersion": f"v{major}.{minor}.0"}


def test_a_cluster_that_is_older_than_these_versions_is_named_before_anything_is_written() -> None:
    major, minor = OLDEST
    (finding,) = of_version(told(major, minor - 1), "production")
    assert finding.object == "context/production"
    assert f"v{major}.{minor - 1}.0" in finding.observed
    assert SUPPORTED[0] in finding.cause
    for accepted in (told(major, f"{minor}+"), told(*NEWEST), told(major, NEWEST[1] + 1), told(major + 1, 0)):
        assert of_version(accepted, "production") == []


def test_the_supported_versions_are_said_and_have_schemas() -> None:
    said = f"Kubernetes {SUPPORTED[0]} to {SUPPORTED[-1]}:"
    assert said in re.sub(r"\s+", " ", (ROOT / "docs" / "kubernetes.md").read_text())
    assert set(SUPPORTED) <= {major_minor(version) for version in all_versions()}
