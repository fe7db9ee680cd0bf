"""The configuration file: both forms, and every fault by its path, all at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from playground_ops.config import Configuration, digest, load, read
from playground_ops.config.schema import File, LocationSection, RepoSection
from playground_ops.errors import BadInput, Finding
from playground_ops.model import Dependencies

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "configvalues.yaml"
HERE = Path("/srv/stack/configvalues.yaml")


def parse(text: str) -> Configuration:
    return read(text, HERE)


def faults_of(text: str) -> dict[str, Finding]:
    """By path in the file."""
    with pytest.raises(BadInput) as raised:
        parse(text)
    return {found.object.partition(":")[2]: found for found in raised.value.findings}


def test_the_shipped_file_says_the_defaults() -> None:
    shipped = load(SHIPPED)
    assert shipped.model_copy(update={"source": ""}) == parse("").model_copy(update={"source": ""})
    assert [(found.name, found.repository, found.automation) for found in shipped.locations] == [
        ("a", None, "on"),
        ("b", None, "off"),
    ]


def examples() -> list[str]:
    """The blocks of the shipped file that are commented out: from a key at the margin on."""
    lines = SHIPPED.read_text().splitlines()
    blocks: list[list[str]] = []
    inside = False
    for line in lines:
        if re.match(r"# [a-z_]+:$", line):
            blocks.append([])
            inside = True
        elif not re.match(r"#(   |$)", line) or line == "#":
            inside = False
        if inside:
            blocks[-1].append(line[2:])
    return ["\n".join(block) for block in blocks]


@pytest.mark.parametrize("example", examples())
def test_every_example_of_the_shipped_file_is_valid(example: str) -> None:
    rest = SHIPPED.read_text()
    commented = "\n".join(f"# {line}" for line in example.splitlines())
    assert commented in rest
    parse(rest.replace(commented, example))


def test_there_are_examples_of_both_forms() -> None:
    assert sorted(example.splitlines()[0] for example in examples()) == [
        "code_locations:",
        "code_locations:",
        "code_locations:",
        "environment:",
    ]


def test_every_key_is_in_the_shipped_file_and_in_the_docs() -> None:
    keys = {*File.model_fields, *LocationSection.model_fields, *RepoSection.model_fields}
    for section in File.model_fields.values():
        keys |= set(getattr(section.annotation, "model_fields", {}))
    shipped, documented = SHIPPED.read_text(), (ROOT / "docs/configuration.md").read_text()
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:", shipped)] == []
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []


def test_the_flat_keys_of_the_first_version() -> None:
    found = parse(
        """
        images: {git_sync: "registry.test/git-sync:v4"}
        environment:
          repo_url_a: https://git.test/a.git
          repo_ref_a: main
          repo_url_b: git@git.test:b.git
        """
    )
    assert found.images.git_sync == "registry.test/git-sync:v4"
    a, b = found.locations
    assert (a.name, a.repository, a.ref, a.automation) == ("a", "https://git.test/a.git", "main", "on")
    assert (b.name, b.repository, b.ref, b.automation) == ("b", "git@git.test:b.git", None, "off")


def test_a_location_in_full() -> None:
    (found,) = parse(
        """
        code_locations:
          - name: orders
            repo: {url: ../pipelines, ref: 1.10, subdirectory: projects/orders/}
            module: orders.definitions
            dependencies: project
            automation: off
            follow: true
            follow_interval_seconds: 60
            environment: {REGION: eu, DEBUG: yes, SHARDS: 4}
            startup_timeout_seconds: 20
            longest_run_seconds: 7200
            smoke_job: smoke
            smoke_check: "orders/total:is_positive"
        """
    ).locations
    assert found.repository == "/srv/pipelines"
    assert found.ref == "1.1"  # YAML reads a number; quoted, it is `1.10`
    assert found.subdirectory == "projects/orders"
    assert found.dependencies is Dependencies.PROJECT
    assert (found.automation, found.follow) == ("off", True)
    assert found.environment == {"REGION": "eu", "DEBUG": "true", "SHARDS": "4"}


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://git.test/x.git", "https://git.test/x.git"),
        ("ssh://git@git.test:2222/x.git", "ssh://git@git.test:2222/x.git"),
        ("git@git.test:team/x.git", "git@git.test:team/x.git"),
        ("file:///srv/x.git", "file:///srv/x.git"),
        ("/srv/x", "/srv/x"),
        ("./x", "/srv/stack/x"),
        (".", "/srv/stack"),
        ("", None),
    ],
)
def test_what_git_takes_is_taken(url: str, taken: str | None) -> None:
    (found,) = parse(yaml.safe_dump({"code_locations": [{"name": "x", "repo": url}]})).locations
    assert found.repository == taken


@pytest.mark.parametrize(
    ("entry", "path", "told"),
    [
        ({"name": "Orders"}, "name", "lower-case"),
        ({"name": "x" * 41}, "name", "at most 40 characters, this has 41"),
        ({"name": "-x"}, "name", "DNS-1123"),
        ({"name": "ops"}, "name", "management location"),
        ({"name": "x", "repo": {"url": "https://u:secret@git.test/x"}}, "repo.url", "without a password"),
        ({"name": "x", "repo": {"url": "https://secret@git.test/x"}}, "repo.url", "without a password"),
        ({"name": "x", "repo": {"url": "<your repo>"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "https://example.com/x.git"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "https://github.com/your-org/x"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "--upload-pack=touch /tmp/x"}}, "repo.url", "option"),
        ({"name": "x", "repo": {"url": "ext::sh -c x"}}, "repo.url", "transport helpers"),
        ({"name": "x", "repo": {"url": "https:///x"}}, "repo.url", "host"),
        ({"name": "x", "repo": {"url": "ftp://git.test/x"}}, "repo.url", "URL that git takes"),
        ({"name": "x", "repo": {"url": "/x", "ref": "-x"}}, "repo.ref", "option"),
        ({"name": "x", "repo": {"url": "/x", "ref": "a..b"}}, "repo.ref", "check-ref-format"),
        ({"name": "x", "repo": {"url": "/x", "ref": "a b"}}, "repo.ref", "check-ref-format"),
        ({"name": "x", "repo": {"url": "/x", "subdirectory": "../y"}}, "repo.subdirectory", "inside"),
        ({"name": "x", "repo": {"url": "/x", "subdirectory": "/y"}}, "repo.subdirectory", "inside"),
        ({"name": "x", "module": "a-b.c"}, "module", "dotted"),
        ({"name": "x", "dependencies": "none"}, "dependencies", "'project', 'shared' or 'auto'"),
        ({"name": "x", "automation": "maybe"}, "automation", "'on' or 'off'"),
        ({"name": "x", "follow": "yes please"}, "follow", "boolean"),
        (
            {"name": "x", "follow_interval_seconds": 1},
            "follow_interval_seconds",
            "greater than or equal to 5",
        ),
        ({"name": "x", "startup_timeout_seconds": "soon"}, "startup_timeout_seconds", "integer"),
        ({"name": "x", "environment": {"1X": "y"}}, "environment.1X", "digit"),
        (
            {"name": "x", "environment": {"DAGSTER_HOME": "/x"}},
            "environment.DAGSTER_HOME",
            "set by the stack",
        ),
        ({"name": "x", "environment": {"PLAYGROUND_X": "1"}}, "environment.PLAYGROUND_X", "set by the stack"),
        ({"name": "x", "smoke_check": "total"}, "smoke_check", "asset/key:check_name"),
        ({"name": "x", "modul": "y"}, "modul", "Did you mean `module`?"),
        ({}, "name", "required"),
    ],
)
def test_a_fault_of_a_location_is_told_by_its_path(entry: dict[str, Any], path: str, told: str) -> None:
    found = faults_of(yaml.safe_dump({"code_locations": [entry]}))
    assert list(found) == [f"code_locations[0].{path}"]
    (fault,) = found.values()
    assert told in fault.sentence()
    assert "secret" not in fault.sentence()


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ("webservr: {}", "webservr", "Did you mean `webserver`?"),
        ("webserver: {port: 70000}", "webserver.port", "65535"),
        ("webserver: {port: '80'}", "webserver.port", "integer"),
        ("webserver: 80", "webserver", "a mapping"),
        ("target: docker", "target", "'local' or 'kubernetes'"),
        ("health: {interval_minutes: 0}", "health.interval_minutes", "greater than or equal to 1"),
        ("rollout: {confirm_timeout_seconds: -1}", "rollout.confirm_timeout_seconds", "greater than 0"),
        ("environment: {repo_url_c: /x}", "environment.repo_url_c", "Did you mean `repo_url_"),
        ("code_locations: [{name: a}, {name: a}]", "code_locations[1].name", "a second time"),
        (
            "environment: {repo_url_a: /x}\ncode_locations: []",
            "environment.repo_url_a",
            "one of the two forms",
        ),
        ("a: 1\na: 2", "", "the key `a` stands here a second time"),
        ("a: [", "", "line"),
        ("- a", "", "a mapping"),
        ("a: &x [*x]", "", ""),
        ("\t- a", "", "not YAML"),
    ],
)
def test_a_fault_of_the_file_is_told_by_its_path(text: str, path: str, told: str) -> None:
    found = faults_of(text)
    assert path in found or path == ""
    assert told in " ".join(fault.sentence() for fault in found.values())


def test_all_faults_at_once() -> None:
    found = faults_of(
        """
        webservr: {}
        health: {interval_minutes: soon}
        code_locations:
          - {name: A, repo: {url: "https://u:hunter2@git.test/x", ref: -x}}
          - {name: b, modul: x}
          - {name: b}
        """
    )
    assert set(found) == {
        "webservr",
        "health.interval_minutes",
        "code_locations[0].name",
        "code_locations[0].repo.url",
        "code_locations[0].repo.ref",
        "code_locations[1].modul",
        "code_locations[2].name",
    }
    assert "hunter2" not in " ".join(fault.sentence() for fault in found.values())


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \xc3\x28"])
def test_a_file_that_is_not_text_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"configvalues\.yaml"):
        load(file)


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(BadInput, match="no readable file"):
            load(path)


def test_what_windows_editors_leave_is_read() -> None:
    assert parse("\ufeffwebserver:\r\n  port: 3001\r\n").webserver.port == 3001


def test_null_means_the_default() -> None:
    assert parse("webserver:\nhealth:\ncode_locations:\n") == parse("")


def test_the_digest_is_of_what_reaches_a_release() -> None:
    def of(**settings: Any) -> str:
        (found,) = parse(yaml.safe_dump({"code_locations": [{"name": "x", **settings}]})).locations
        return digest(found)

    assert of() == of(follow=True) == of(longest_run_seconds=60)
    assert of(environment={"A": "1", "B": "2"}) == of(environment={"B": "2", "A": "1"})
    different = [of(), of(module="m"), of(environment={"A": "1"}), of(automation="off"), of(smoke_job="s")]
    assert len(set(different)) == len(different)
