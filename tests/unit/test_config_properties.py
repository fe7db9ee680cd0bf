"""Properties of reading a configuration, whatever it contains."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.config import read
from playground_ops.core.errors import BadInput

HERE = Path("/srv/stack/configvalues.yaml")

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True).filter(
    lambda name: name not in ("ops", "daemon", "postgres", "webserver")
)
refs = st.from_regex(r"[a-z][a-z0-9_]{0,10}(/[a-z0-9_]{1,10})?", fullmatch=True)
urls = st.sampled_from(["https://git.test/x.git", "git@git.test:x.git", "/srv/x", "ssh://git@git.test/x"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
locations = st.fixed_dictionaries(
    {"name": names},
    optional={
        "repo": st.fixed_dictionaries({"url": urls}, optional={"ref": refs}),
        "module": st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8})?", fullmatch=True).filter(
            lambda module: not any(keyword.iskeyword(part) for part in module.split("."))
        ),
        "dependencies": st.sampled_from(["auto", "project", "shared"]),
        "automation": st.sampled_from(["on", "off"]),
        "follow": st.booleans(),
        "follow_interval_seconds": st.integers(5, 86400),
        "environment": st.dictionaries(st.from_regex(r"X_[A-Z]{1,8}", fullmatch=True), texts, max_size=3),
        "startup_timeout_seconds": st.integers(1, 1000),
        "longest_run_seconds": st.integers(1, 100000),
        "smoke_job": st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        "prepare": st.lists(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1), max_size=2),
        "smoke_check": st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?:[a-z_]{1,8}", fullmatch=True),
    },
)
documents = st.fixed_dictionaries(
    {"code_locations": st.lists(locations, max_size=4, unique_by=lambda found: found["name"])},
    optional={
        "webserver": st.fixed_dictionaries({"port": st.integers(1, 65535)}),
        "health": st.fixed_dictionaries({"interval_minutes": st.integers(1, 60)}),
        "target": st.sampled_from(["local", "kubernetes"]),
        "rollout": st.fixed_dictionaries(
            {"confirm_timeout_seconds": st.integers(1, 600) | st.floats(0.5, 600, allow_nan=False)}
        ),
    },
)

FAULTS: list[tuple[str, str, Any]] = [
    ("webservr", "webservr", {}),
    ("Health", "Health", None),
    ("target", "target", "docker"),
    ("daemon", "daemon.dequeue_interval_seconds", {"dequeue_interval_seconds": "often"}),
    ("images", "images.git_sink", {"git_sink": "x"}),
    ("rollout", "rollout.confirm_timeout_seconds", {"confirm_timeout_seconds": 0}),
    ("webserver", "webserver", [80]),
    ("ops", "ops.repo.ref", {"repo": {"ref": "main"}}),
    ("ops", "ops.module", {"module": "x"}),
]
LOCATION_FAULTS: list[tuple[str, str, Any]] = [
    ("name", "name", "Upper"),
    ("name", "name", "x" * 41),
    ("name", "name", "ops"),
    ("name", "name", True),
    ("repo", "repo.url", {"url": "<your repo>"}),
    ("repo", "repo.ref", {"url": "/x", "ref": "--option"}),
    ("repo", "repo.branch", {"url": "/x", "branch": "main"}),
    ("repo", "repo", ["/x"]),
    ("module", "module", 1),
    ("automation", "automation", "perhaps"),
    ("follow", "follow", "true"),
    ("environment", "environment.A-B", {"A-B": "1"}),
    ("longest_run_seconds", "longest_run_seconds", 1.5),
    ("smoke_check", "smoke_check", "total"),
    ("nmae", "nmae", "x"),
    ("isolation", "isolation", "yes"),
    ("isolation", 'isolation.quota."limits.cpu"', {"quota": {"limits.cpu": 1}}),
    ("isolation", "isolation.quota", {"quota": {"pods": "500m"}}),
    ("isolation", "isolation.databse", {"databse": True}),
]


@given(documents)
def test_a_valid_document_is_read_as_it_stands(document: dict[str, Any]) -> None:
    found = read(yaml.safe_dump(document), HERE)
    assert [location.name for location in found.locations] == [
        one["name"] for one in document["code_locations"]
    ]
    for location, given_location in zip(found.locations, document["code_locations"], strict=True):
        for key in set(given_location) - {"name", "repo", "dependencies"}:
            assert location.model_dump(mode="json")[key] == given_location[key]
        repo = given_location.get("repo", {})
        assert (location.repository, location.ref) == (repo.get("url"), repo.get("ref"))
    assert found.webserver.port == document.get("webserver", {}).get("port")
    again = read(yaml.safe_dump(document, default_flow_style=True, allow_unicode=True), HERE)
    assert again.model_copy(update={"text": found.text}) == found


@given(
    documents,
    st.lists(st.sampled_from(FAULTS), unique_by=lambda fault: fault[0]),
    st.lists(st.lists(st.sampled_from(LOCATION_FAULTS), unique_by=lambda fault: fault[0]), max_size=3),
)
def test_exactly_the_faults_that_are_put_in_are_told_by_their_paths(
    document: dict[str, Any],
    faults: list[tuple[str, str, Any]],
    faults_of_locations: list[list[tuple[str, str, Any]]],
) -> None:
    expected = [path for _, path, _ in faults]
    document |= {key: value for key, _, value in faults}
    for index, wrong in enumerate(faults_of_locations):
        # Between the right ones, so that names may repeat only when each is wrong by itself.
        document["code_locations"].insert(index, {"name": f"zz-{index}"})
        document["code_locations"][index] |= {key: value for key, _, value in wrong}
        expected += [f"code_locations[{index}].{path}" for _, path, _ in wrong]
    if not expected:
        read(yaml.safe_dump(document), HERE)
        return
    with pytest.raises(BadInput) as raised:
        read(yaml.safe_dump(document), HERE)
    found = [fault.object.partition(":")[2] for fault in raised.value.findings]
    twice = [fault.object.partition(":")[2] for fault in raised.value.findings if "second time" in str(fault)]
    assert sorted(found) == sorted(expected + twice)


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


PIECES = (
    "a|name|code_locations|webserver|:|: |- |\n|  |\t|[|]|{|}|,|&x |*x|<<|? |!!set|!x |>|'|\"|#|%|---|...|=|~"
    "|on|1e3|0b_|\r|\ufeff"
)


@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=40).map("".join))
def test_any_pieces_of_yaml_are_read_or_refused_with_findings(text: str) -> None:
    _read_or_refuse(text)


@given(documents, st.integers(0, 2**31), st.sampled_from(["", "\x00", "\ud800", "\t", ": ", "- ", "*", "{"]))
def test_a_file_that_was_cut_and_mangled_is_read_or_refused(
    document: dict[str, Any], where: int, put_in: str
) -> None:
    text = yaml.safe_dump(document)
    position = where % (len(text) + 1)
    _read_or_refuse(text[:position] + put_in + text[position:])
    _read_or_refuse(text[:position] + put_in)


def _read_or_refuse(text: str) -> None:
    try:
        read(text, HERE)
    except BadInput as refused:
        for found in refused.findings:
            assert found.object
            assert found.observed
            assert found.cause
            assert found.fix
