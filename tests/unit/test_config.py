"""The configuration file: both forms, and every fault by its path, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from playground_ops.config import Configuration, read
from playground_ops.config.instance_sections import WebserverSettings
from playground_ops.config.unsupported import ignored
from playground_ops.core.errors import BadInput, Finding
from playground_ops.core.model import Dependencies, InImage, Location
from playground_ops.core.pod_settings import PodSettings, Toleration, Volume

HERE = Path("/srv/stack/configvalues.yaml")


def parse(text: str) -> Configuration:
    return read(text, HERE)


def faults_of(text: str) -> dict[str, Finding]:
    """Return the faults by path in the file."""
    with pytest.raises(BadInput) as raised:
        parse(text)
    return {found.object.partition(":")[2]: found for found in raised.value.findings}


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


def test_which_packages_of_a_project_are_installed() -> None:
    keys = "dependencies_from: ../lock/run.txt, extras: [fast], groups: [run, 'db-1']"
    (found,) = parse(f"code_locations: [{{name: x, repo: /x, {keys}}}]").locations
    assert (found.dependencies_from, found.extras, found.groups) == (
        "../lock/run.txt",
        ("fast",),
        ("run", "db-1"),
    )
    faults = faults_of(
        """
        code_locations:
        - {name: x, repo: /x, dependencies_from: environment.yml, extras: [a b], groups: [-x]}
        - {name: y, repo: /y, dependencies_from: /etc/x.txt}
        - {name: z, repo: /z, dependencies: shared, extras: [fast], dependencies_from: pylock.run.toml}
        - {name: i, image: 'r/x:1', module: y, groups: [run]}
        """
    )
    assert set(faults) == {
        "code_locations[0].dependencies_from",
        "code_locations[0].extras[0]",
        "code_locations[0].groups[0]",
        "code_locations[1].dependencies_from",
        "code_locations[2].extras",
        "code_locations[2].dependencies_from",
        "code_locations[3].groups",
    }
    assert "`pylock.toml`" in faults["code_locations[0].dependencies_from"].cause
    assert "Remove `dependencies: shared`" in faults["code_locations[2].extras"].fix
    assert "beside `image`" in str(faults["code_locations[3].groups"])


def test_the_secret_of_a_private_repository() -> None:
    text = "code_locations: [{name: x, repo: {url: 'https://git.test/x', secret: x-git}}]"
    found = parse(text)
    assert found.locations[0].git_secret == "x-git"
    assert ignored(found, "kubernetes") == []
    (warning,) = ignored(found, "local")
    assert "x-git" in warning
    fault = faults_of("code_locations: [{name: x, repo: {secret: x-git}}]")["code_locations[0].repo.secret"]
    assert "Add `url`" in fault.fix
    fault = faults_of(text.replace("x-git", "Git_Token"))["code_locations[0].repo.secret"]
    assert "name of an object" in fault.cause


def test_a_location_whose_code_is_in_an_image() -> None:
    entry = "{name: x, image: registry/x:1, python_file: /srv/x.py, working_directory: /srv}"
    (found,) = read(f"code_locations: [{entry}]", HERE).locations
    assert found.in_image == InImage(image="registry/x:1", python_file="/srv/x.py", working_directory="/srv")
    assert (found.repository, found.pod.image) == (None, "registry/x:1")


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
            prepare: [dbt deps --quiet, [python, "make it.py", 7], "sh -c 'dbt parse && rm -r $HOME/x'"]
            prepare_timeout_seconds: 900
        """
    ).locations
    assert found.repository == "/srv/pipelines"
    assert found.ref == "1.10"  # a number to YAML, a branch to a person
    assert found.subdirectory == "projects/orders"
    assert found.dependencies is Dependencies.PROJECT
    assert (found.automation, found.follow) == ("off", True)
    assert found.environment == {"REGION": "eu", "DEBUG": "true", "SHARDS": "4"}
    assert found.prepare == (
        ("dbt", "deps", "--quiet"),
        ("python", "make it.py", "7"),
        ("sh", "-c", "dbt parse && rm -r $HOME/x"),
    )


def test_nothing_is_prepared_is_not_the_default() -> None:
    found = parse("code_locations: [{name: x, repo: /x, prepare: []}, {name: y, repo: /y, prepare: }]")
    assert [one.prepare for one in found.locations] == [(), None]


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
        ({"name": "webserver"}, "name", "component"),
        ({"name": "x", "repo": {"url": "https://u:secret@git.test/x"}}, "repo.url", "without a password"),
        ({"name": "x", "repo": {"url": "https://secret@git.test/x"}}, "repo.url", "without a password"),
        ({"name": "x", "repo": {"url": "<your repo>"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "https://example.com/x.git"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "https://github.com/your-org/x"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "git@example.com:x"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "CHANGE_ME"}}, "repo.url", "placeholder"),
        ({"name": "x", "repo": {"url": "/x", "ref": "<branch>"}}, "repo.ref", "placeholder"),
        ({"name": "x", "repo": {"url": "ssh://-oProxyCommand=x/y"}}, "repo.url", "option"),
        ({"name": "x", "repo": {"url": "git@-oProxyCommand=x:y"}}, "repo.url", "git@host:path"),
        ({"name": "x", "repo": {"url": "https:/git.test/x"}}, "repo.url", "https://host/path"),
        ({"name": "x", "repo": {"url": "https://git.test:port/x"}}, "repo.url", "can't be read"),
        ({"name": "x", "repo": {"url": "https://git.test/a\nb"}}, "repo.url", "control character"),
        ({"name": "x", "repo": {"url": "C:\\x"}}, "repo.url", "backslash"),
        ({"name": "x", "repo": {"url": "~nobody-of-this-name/x"}}, "repo.url", "a path that exists"),
        ({"name": "x", "repo": {"ref": "main"}}, "repo.ref", "Add `url`"),
        ({"name": "x", "repo": {"url": "--upload-pack=touch /tmp/x"}}, "repo.url", "option"),
        ({"name": "x", "repo": {"url": "ext::sh -c x"}}, "repo.url", "transport helpers"),
        ({"name": "x", "repo": {"url": "https:///x"}}, "repo.url", "host"),
        ({"name": "x", "repo": {"url": "ftp://git.test/x"}}, "repo.url", "URL that git takes"),
        ({"name": "x", "repo": {"url": "/x", "ref": "-x"}}, "repo.ref", "option"),
        ({"name": "x", "repo": {"url": "/x", "ref": "a..b"}}, "repo.ref", "check-ref-format"),
        ({"name": "x", "repo": {"url": "/x", "ref": "a b"}}, "repo.ref", "check-ref-format"),
        ({"name": "x", "repo": {"url": "/x", "subdirectory": "../y"}}, "repo.subdirectory", "inside"),
        ({"name": "x", "repo": {"url": "/x", "subdirectory": "-y"}}, "repo.subdirectory", "inside"),
        ({"name": "x", "repo": {"url": "/x", "subdirectory": "/y"}}, "repo.subdirectory", "inside"),
        ({"name": "x", "module": "a-b.c"}, "module", "dotted"),
        ({"name": "x", "dependencies": "none"}, "dependencies", "'project', 'shared' or 'auto'"),
        ({"name": "x", "automation": "maybe"}, "automation", "'on' or 'off'"),
        ({"name": "x", "follow": "yes please"}, "follow", "`true` or `false`"),
        ({"name": "x", "follow_interval_seconds": 1}, "follow_interval_seconds", "at least 5"),
        ({"name": "x", "startup_timeout_seconds": "soon"}, "startup_timeout_seconds", "a whole number"),
        ({"name": "x", "environment": {"1X": "y"}}, "environment.1X", "digit"),
        (
            {"name": "x", "environment": {"DAGSTER_HOME": "/x"}},
            "environment.DAGSTER_HOME",
            "set by the stack",
        ),
        ({"name": "x", "environment": {"PLAYGROUND_X": "1"}}, "environment.PLAYGROUND_X", "set by the stack"),
        ({"name": "x", "environment": {"A": "x\0"}}, "environment.A", "NUL"),
        ({"name": "x", "environment": {"A": "x\x7f"}}, "environment.A", "U+007F"),
        ({"name": "x", "environment": {"A": "\x1b[1m"}}, "environment.A", "U+001B"),
        ({"name": "x", "environment": {"A": "\u2028"}}, "environment.A", "U+2028"),
        ({"name": "x", "pod": {"annotations": {"A": "\x85"}}}, "pod.annotations.A", "U+0085"),
        (
            {"name": "x", "environment": {"A": None}},
            "environment.A",
            'Give it a value, `""` for an empty one',
        ),
        ({"name": "x", "module": "a.class"}, "module", "dotted"),
        ({"name": "x", "attribute": "a.b"}, "attribute", "at the top of the module"),
        ({"name": "x", "smoke_job": "a job"}, "smoke_job", "letters, digits and underscores"),
        ({"name": "x", "smoke_check": "a:b:c"}, "smoke_check", "asset/key:check_name"),
        ({"name": "x", "smoke_check": "total"}, "smoke_check", "asset/key:check_name"),
        ({"name": "x", "prepare": "dbt deps"}, "prepare", "a list, each entry beginning with a dash"),
        ({"name": "x", "prepare": ["dbt deps && dbt parse"]}, "prepare[0]", "needs a shell"),
        ({"name": "x", "prepare": ["dbt deps; dbt parse"]}, "prepare[0]", "needs a shell"),
        ({"name": "x", "prepare": ["dbt deps", "dbt $TARGET"]}, "prepare[1]", "needs a shell"),
        ({"name": "x", "prepare": ['dbt "deps']}, "prepare[0]", "no closing quotation"),
        ({"name": "x", "prepare": [[]]}, "prepare[0]", "a command such as `dbt deps`"),
        ({"name": "x", "prepare": [" "]}, "prepare[0]", "a command such as `dbt deps`"),
        ({"name": "x", "prepare": [["a\0"]]}, "prepare[0][0]", "NUL"),
        ({"name": "x", "image": "r/x:1", "module": "y", "prepare": []}, "prepare", "beside `image`"),
        ({"name": "x", "image": "-x", "module": "y"}, "image", "the name of an image"),
        ({"name": "x", "image": "r/x:1"}, "image", "neither `module` nor `python_file`"),
        ({"name": "x", "image": "r/x:1", "module": "y", "python_file": "/y.py"}, "image", "beside"),
        ({"name": "x", "image": "r/x:1", "python_file": "y.py"}, "python_file", "an absolute path"),
        ({"name": "x", "image": "r/x:1", "python_file": "/a/../y.py"}, "python_file", "an absolute path"),
        ({"name": "x", "image": "r/x:1", "module": "y", "repo": "/x"}, "repo", "beside `image`"),
        ({"name": "x", "image": "r/x:1", "module": "y", "follow": True}, "follow", "beside `image`"),
        (
            {"name": "x", "image": "r/x:1", "module": "y", "dependencies": "auto"},
            "dependencies",
            "beside `image`",
        ),
        (
            {"name": "x", "image": "r/x:1", "module": "y", "pod": {"image": "r/y:1"}},
            "pod.image",
            "beside `image`",
        ),
        ({"name": "x", "working_directory": "/x"}, "working_directory", "without `image`"),
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
        ("webserver: {port: '80'}", "webserver.port", "a whole number"),
        ("webserver: 80", "webserver", "a mapping"),
        ("target: docker", "target", "'local' or 'kubernetes'"),
        ("health: {interval_minutes: 0}", "health.interval_minutes", "at least 1"),
        (f"health: {{tell: [{'{variable: A}, ' * 21}]}}", "health.tell", "List should have at most 20 items"),
        ("health: {tell: {variable: A}}", "health.tell", "a list, each entry beginning with a dash"),
        ("rollout: {confirm_timeout_seconds: -1}", "rollout.confirm_timeout_seconds", "more than 0"),
        ("environment: {repo_url_c: /x}", "environment.repo_url_c", "Did you mean `repo_url_"),
        ("code_locations: [{name: a}, {name: a}]", "code_locations[1].name", "a second time"),
        (
            "environment: {repo_url_a: /x}\ncode_locations: []",
            "environment.repo_url_a",
            "one of the two forms",
        ),
        ("port: 80", "port", "Did you mean `webserver.port`?"),
        ("TARGET: local", "TARGET", "Did you mean `target`?"),
        ("zzz:", "zzz", "the nearest known key is"),
        ("webserver: {host: --x}", "webserver.host", "an address or host name"),
        ("images: {git_sync: git sync}", "images.git_sync", "the name of an image"),
        ("code_locations: {a: {}}", "code_locations", "a list"),
        ("code_locations: [a]", "code_locations[0]", "Write `- name: ...`"),
        ("rollout: {confirm_timeout_seconds: true}", "rollout.confirm_timeout_seconds", "a number"),
        ("rollout: {confirm_timeout_seconds: .inf}", "rollout.confirm_timeout_seconds", "at most 600"),
        ("- a", "", "a mapping"),
        ("text", "", "a mapping"),
    ],
)
def test_a_fault_of_the_file_is_told_by_its_path(text: str, path: str, told: str) -> None:
    found = faults_of(text)
    assert list(found) == [path]
    assert told in found[path].sentence()


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


def test_faults_between_locations_are_told_with_those_of_single_values() -> None:
    found = faults_of(
        """
        environment: {repo_url_a: /x}
        code_locations: [{name: A}, {name: b}, {name: b}]
        """
    )
    assert list(found) == ["environment.repo_url_a", "code_locations[0].name", "code_locations[2].name"]


def test_a_fault_says_its_line() -> None:
    found = faults_of("target: local\ncode_locations:\n- name: a\n- name: b\n  repo:\n    rif: main\n")
    assert "at line 6." in found["code_locations[1].repo.rif"].observed


def test_no_location_at_all_is_a_stack_of_ops_alone() -> None:
    found = parse("code_locations: []")
    assert found.locations == ()
    assert [location.name for location in found.all_locations] == ["ops"]


def test_a_name_alone_is_a_location_with_the_defaults_of_the_model() -> None:
    (found,) = parse("code_locations: [{name: x}]").locations
    assert found == Location(name="x")


def test_a_pod_of_which_nothing_is_written_has_the_defaults_of_the_model() -> None:
    found = parse("{webserver: {pod: {}}, kubernetes: {ops: {tolerations: [{key: x}]}}}")
    assert found.webserver.pod == PodSettings()
    assert found.kubernetes.ops == PodSettings(tolerations=(Toleration(key="x"),))
    assert type(found.kubernetes.ops.tolerations[0]) is Toleration, "as it is in a release that was stored"


def test_a_section_takes_a_value_as_it_is() -> None:
    """The stack's own volumes have names that a person may not give."""
    own = PodSettings(volumes=(Volume(name="tmp", path="/tmp", empty_dir="1Gi"),))
    assert WebserverSettings(pod=own).pod is own
    assert Configuration(source="x", locations=(Location(name="ops-like", pod=own),)).locations[0].pod is own


def test_a_section_is_never_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse("").rollout.confirm_seconds = 1.0  # type: ignore[misc]
