"""Properties of reading a configuration, whatever stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.config import read
from playground_ops.errors import BadInput

HERE = Path("/srv/stack/configvalues.yaml")

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name != "ops"
)
refs = st.from_regex(r"[a-z][a-z0-9_]{0,10}(/[a-z0-9_]{1,10})?", fullmatch=True)
urls = st.sampled_from(["https://git.test/x.git", "git@git.test:x.git", "/srv/x", "ssh://git@git.test/x"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
locations = st.fixed_dictionaries(
    {"name": names},
    optional={
        "repo": st.fixed_dictionaries({"url": urls}, optional={"ref": refs}),
        "module": st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?", fullmatch=True).filter(
            lambda module: all(part.isidentifier() for part in module.split("."))
        ),
        "dependencies": st.sampled_from(["auto", "project", "shared"]),
        "automation": st.sampled_from(["on", "off"]),
        "follow": st.booleans(),
        "follow_interval_seconds": st.integers(5, 86400),
        "environment": st.dictionaries(st.from_regex(r"X_[A-Z]{1,8}", fullmatch=True), texts, max_size=3),
        "startup_timeout_seconds": st.integers(1, 1000),
        "longest_run_seconds": st.integers(1, 100000),
        "smoke_job": st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    },
)
documents = st.fixed_dictionaries(
    {"code_locations": st.lists(locations, max_size=4, unique_by=lambda found: found["name"])},
    optional={
        "webserver": st.fixed_dictionaries({"port": st.integers(1, 65535)}),
        "health": st.fixed_dictionaries({"interval_minutes": st.integers(1, 60)}),
        "target": st.sampled_from(["local", "kubernetes"]),
    },
)

Fault = tuple[str, Any]
FAULTS: list[tuple[str, str, Any]] = [
    ("webservr", "webservr", {}),
    ("target", "target", "docker"),
    ("daemon", "daemon.dequeue_interval_seconds", {"dequeue_interval_seconds": "often"}),
    ("images", "images.git_sink", {"git_sink": "x"}),
    ("rollout", "rollout.confirm_timeout_seconds", {"confirm_timeout_seconds": 0}),
]


@given(documents)
def test_a_valid_document_is_read_as_it_stands(document: dict[str, Any]) -> None:
    found = read(yaml.safe_dump(document), HERE)
    assert [location.name for location in found.locations] == [
        one["name"] for one in document["code_locations"]
    ]
    for location, given_location in zip(found.locations, document["code_locations"], strict=True):
        for key in set(given_location) - {"name", "repo", "dependencies"}:
            assert getattr(location, key) == given_location[key]
        repo = given_location.get("repo", {})
        assert (location.repository, location.ref) == (repo.get("url"), repo.get("ref"))
    assert found.webserver.port == document.get("webserver", {}).get("port")
    again = read(yaml.safe_dump(document, default_flow_style=True, allow_unicode=True), HERE)
    assert again == found


@given(documents, st.lists(st.sampled_from(FAULTS), min_size=1, unique_by=lambda fault: fault[0]), st.data())
def test_every_fault_that_is_put_in_is_told_by_its_path(
    document: dict[str, Any], faults: list[tuple[str, str, Any]], data: st.DataObject
) -> None:
    expected = set()
    for key, path, value in faults:
        document[key] = value
        expected.add(path)
    if document["code_locations"]:
        index = data.draw(st.integers(0, len(document["code_locations"]) - 1))
        document["code_locations"][index]["name"] = "Upper"
        expected.add(f"code_locations[{index}].name")
    with pytest.raises(BadInput) as raised:
        read(yaml.safe_dump(document), HERE)
    assert expected == {found.object.partition(":")[2] for found in raised.value.findings}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
shapes = st.fixed_dictionaries(
    {},
    optional={
        "code_locations": anything | st.lists(st.fixed_dictionaries({"name": anything, "repo": anything})),
        "environment": anything,
        "webserver": anything,
        "rollout": anything,
    },
)


@given(shapes | anything)
def test_any_document_is_read_or_refused_with_findings(document: Any) -> None:
    _read_or_refuse(yaml.safe_dump(document))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_findings(text: str) -> None:
    _read_or_refuse(text)


@given(
    st.from_regex(r"[a-zA-Z0-9]{12,20}", fullmatch=True),
    st.sampled_from(["https", "http", "ssh", "ftp", "x"]),
)
def test_a_password_is_never_repeated(password: str, scheme: str) -> None:
    url = f"{scheme}://user:{password}@git.test/x"
    document = {
        "code_locations": [{"name": "x", "repo": url}, {"name": "y", "repo": {"url": url, "rif": url}}]
    }
    with pytest.raises(BadInput) as raised:
        read(yaml.safe_dump({**document, url: 1}), HERE)
    assert password not in str(raised.value)


def _read_or_refuse(text: str) -> None:
    try:
        read(text, HERE)
    except BadInput as refused:
        for found in refused.findings:
            assert found.object
            assert found.observed
            assert found.cause
            assert found.fix
