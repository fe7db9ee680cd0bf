"""Failures of the first version of this stack, one after the other: none can come from what is rendered,
whatever is configured, and input that would cause one is named before anything is applied.

How each is explained on a live pod if it happens all the same: test_diagnose.py and test_gitfiles.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import Any

import click
import pytest
import yaml
from hypothesis import example, given, seed, settings
from sqlalchemy import make_url

from playground_ops.config import OPS, Configuration, read
from playground_ops.core.component import component_of
from playground_ops.core.errors import BadInput
from playground_ops.diagnose.pods import INSTALLS
from playground_ops.render import fetch_script, gitsync, instance
from playground_ops.render.first_process import first
from playground_ops.render.instance import with_packages_checked
from playground_ops.render.jobs import OWN_CODE
from playground_ops.render.modules import FRONT_DOOR, mounted
from playground_ops.render.names import (
    DAEMON,
    INSTANCE,
    INSTANCE_FOLDER,
    MODULES,
    PROJECT_FOLDER,
    REPOSITORY_FOLDER,
    SOURCE_FOLDER,
    WEBSERVER,
    WORKSPACE,
    WORKSPACE_FILE,
    WORKSPACE_FOLDER,
)
from playground_ops.render.reads import WRITE
from playground_ops.render.release import SERVER, START, UNPACK, directory
from playground_ops.targets.common.sources import files_of, sources_of
from tests.gitsync.test_flags import DEPRECATED
from tests.rendered import ELSEWHERE, ROOT, WHOLE, everything, pod_specs, released
from tests.session.deadlines import stretched
from tests.unit.test_render import FILES

HERE = ROOT / "configvalues.yaml"
Test = Callable[[dict[str, Any]], None]


def whatever_is_configured(test: Test) -> Test:
    """Test with generated configurations, the default, and those that have every key.

    All tests draw the same ones, so that each of them is rendered once.
    """
    drawn = seed(int(os.environ["PLAYGROUND_SEED"]))(given(document=FILES)(test))
    made = settings(max_examples=20, database=None)(drawn)
    for text in ("{}", WHOLE, ELSEWHERE):
        made = example(document=yaml.safe_load(text))(made)
    return made


@cache
def _made(text: str) -> tuple[Configuration, list[dict[str, Any]]]:
    found = read(text, HERE)
    return found, list(everything(found))


def configured(document: dict[str, Any]) -> Configuration:
    return _made(yaml.safe_dump(document))[0]


def objects(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all objects made from it."""
    return _made(yaml.safe_dump(document))[1]


def containers(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each container with the spec of its pod."""
    for _, spec in pod_specs(iter(objects(document))):
        for one in (*spec.get("initContainers", ()), *spec["containers"]):
            yield one, spec


def command_of(container: dict[str, Any]) -> list[str]:
    """Return what it executes in the end: without the shell that starts it, `env` and its settings."""
    words = [*container.get("command", ()), *container.get("args", ())]
    while words[:2] in (["sh", "-ec"], ["sh", "-c"]):
        taken = 0 if 'exec "$0"' in words[2] else 2 if "\nshift\n" in words[2] else 1
        words = words[3 + taken :]
    if words[:1] == ["env"]:
        words = words[1:]
        while "=" in words[0]:
            words = words[1:]
    return words


def named(text: str) -> dict[str, str]:
    """Return the sentences about a configuration's faults, by the path of the key."""
    with pytest.raises(BadInput) as refused:
        read(text, HERE)
    return {fault.object.partition(":")[2]: str(fault) for fault in refused.value.findings}


# An upper-case resource name.

DNS_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAMES = (
    "name",
    "namespace",
    "claimName",
    "secretName",
    "serviceAccountName",
    "serviceName",
    "storageClassName",
)


def names_in(found: Any) -> Iterator[str]:
    """Yield names of objects and references to them; variables are no objects and left out."""
    if isinstance(found, dict):
        yield from (found[key] for key in NAMES if isinstance(found.get(key), str))
        yield from (name for key, inner in found.items() if key != "env" for name in names_in(inner))
    for item in found if isinstance(found, list) else ():
        yield from names_in(item)


@whatever_is_configured
def test_no_name_has_an_upper_case_letter(document: dict[str, Any]) -> None:
    policies = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    for one in objects(document):
        found = names_in(one["metadata"] if one["kind"] in policies else one)
        assert [name for name in found if not DNS_1123.fullmatch(name)] == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("code_locations: [{name: Orders}]", "code_locations[0].name"),
        ("code_locations: [{name: a, repo: {url: /x, secret: Git}}]", "code_locations[0].repo.secret"),
        ("kubernetes: {namespace: Dagster}", "kubernetes.namespace"),
        ("kubernetes: {storage_class: Fast}", "kubernetes.storage_class"),
        ("kubernetes: {ingress: {host: UI.internal}}", "kubernetes.ingress.host"),
        ("kubernetes: {ingress: {host: ui, tls_secret: TLS}}", "kubernetes.ingress.tls_secret"),
        ("postgres: {password_secret: Mine}", "postgres.password_secret"),
        ("webserver: {pod: {image_pull_secrets: [Registry]}}", "webserver.pod.image_pull_secrets[0]"),
        ("daemon: {pod: {environment_from_secrets: [More]}}", "daemon.pod.environment_from_secrets[0]"),
        ("images: {dagster: 'Dagster:1'}", "images.dagster"),
    ],
)
def test_an_upper_case_name_is_refused(text: str, path: str) -> None:
    assert list(named(text)) == [path]


# A ConfigMap mounted by subPath as a file: "not a directory".


@whatever_is_configured
def test_nothing_is_mounted_but_whole_folders_each_at_a_place_of_its_own(document: dict[str, Any]) -> None:
    for container, spec in containers(document):
        mounts = container.get("volumeMounts", [])
        rooms = {"persistentVolumeClaim", "emptyDir"}
        claims = {volume["name"] for volume in spec["volumes"] if rooms & volume.keys()}
        parts = [mount for mount in mounts if {"subPath", "subPathExpr"} & mount.keys()]
        assert [mount for mount in parts if mount["name"] not in claims] == [], "a file of a ConfigMap"
        places = [PurePosixPath(mount["mountPath"]) for mount in mounts]
        assert len(set(places)) == len(places)
        assert [place for place in places if place.suffix] == [], "a folder, not a file"
        assert [place for place in places if set(place.parents) & set(places)] == [], "one inside another"
        maps = [volume["configMap"] for volume in spec["volumes"] if "configMap" in volume]
        # A package of Python has folders, which keys of a ConfigMap can't have.
        assert {one["name"] for one in maps if "items" in one} <= {MODULES}, "a file of a ConfigMap"


def test_no_key_mounts_anything() -> None:
    assert list(named("webserver: {pod: {volume_mounts: [{subPath: x}]}}")) == ["webserver.pod.volume_mounts"]


# A placeholder or wrong repository URL.


@whatever_is_configured
def test_git_is_asked_for_exactly_the_configured_repositories(document: dict[str, Any]) -> None:
    found = configured(document)
    asked = [
        container["args"][0].removeprefix("--repo=")
        for container, _ in containers(document)
        if container["image"] == found.images.git_sync
    ]
    repositories = [location.repository for location in found.all_locations if location.repository]
    assert sorted(asked) == sorted(repositories * 4), (
        "to resolve, to serve, to run, and to try it; of ops for errands"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://github.com/your-org/your-repo.git", "placeholder"),
        ("<repository url>", "placeholder"),
        ("https://example.com/pipelines.git", "placeholder"),
        ("CHANGE_ME", "placeholder"),
        ("htps://git.internal/pipelines.git", "a URL that git takes"),
        ("https:///pipelines.git", "a URL with a host"),
        ("https://git.internal:x/pipelines.git", "can't be read"),
        ("https://ada:secret@git.internal/pipelines.git", "without a password"),
        ("ext::sh -c x", "transport helpers"),
        ("--upload-pack=x", "an option of git"),
    ],
)
def test_a_placeholder_or_wrong_url_is_refused_in_both_forms(url: str, said: str) -> None:
    """A URL that leads nowhere ends a rollout at its first step: tests/gitsync/test_failures.py."""
    for document, path in (
        ({"environment": {"repo_url_a": url}}, "environment.repo_url_a"),
        ({"code_locations": [{"name": "a", "repo": url}]}, "code_locations[0].repo"),
        ({"code_locations": [{"name": "a", "repo": {"url": url}}]}, "code_locations[0].repo.url"),
    ):
        ((where, told),) = named(yaml.safe_dump(document)).items()
        assert where.startswith(path)
        assert said in told


# The deprecated flag `--branch` of git-sync.


@whatever_is_configured
def test_git_sync_is_given_flags_of_version_4_alone(document: dict[str, Any]) -> None:
    """tests/gitsync/test_flags.py shows that the flags are those of the real git-sync."""
    for container, _ in containers(document):
        if container["name"] != gitsync.NAME:
            continue
        assert container["command"] == ["sh", "-c", fetch_script.SCRIPT, gitsync.NAME], "which passes them on"
        known = ("--repo=", "--ref=", *gitsync.ALWAYS, *gitsync.AGAIN, *gitsync.BY_KEY)
        assert all(one.startswith(known) for one in container["args"])
        flags = {one.removeprefix("--").partition("=")[0] for one in container["args"]}
        assert flags & DEPRECATED.keys() == set()
        variables = {one["name"] for one in container["env"]}
        listed = {fetch_script.LIVE, fetch_script.SUBDIRECTORY}
        assert variables <= {"HOME", fetch_script.USER_VARIABLE, *listed}, "a misspelt one would be ignored"


@pytest.mark.parametrize("key", ["branch", "rev", "tag", "commit"])
def test_a_branch_is_a_ref_and_whoever_calls_it_otherwise_is_told(key: str) -> None:
    told = named(f"code_locations: [{{name: a, repo: {{url: /x, {key}: main}}}}]")
    assert "Did you mean `ref`?" in told[f"code_locations[0].repo.{key}"]
    told = named(f"environment: {{repo_{key}_a: main}}")
    assert "Did you mean `repo_ref_a`?" in told[f"environment.repo_{key}_a"]


# A root of git-sync in a folder that has files already: it empties the folder, or is denied.


@whatever_is_configured
def test_git_sync_has_a_root_of_its_own_that_is_new_with_every_pod(document: dict[str, Any]) -> None:
    for container, spec in containers(document):
        if container["name"] != gitsync.NAME:
            continue
        assert [one for one in container["args"] if one.startswith("--root=")] == [
            f"--root={REPOSITORY_FOLDER}"
        ]
        assert spec["initContainers"][0] is container, "nobody has been there before"
        for one in (container, *spec["initContainers"][1:], *spec["containers"]):
            (mount,) = [
                mount for mount in one.get("volumeMounts", ()) if mount["mountPath"] == REPOSITORY_FOLDER
            ] or [None]
            if mount is None:
                assert one["name"] == "wait-for-database", "it has no business with it"
                continue
            (volume,) = [volume for volume in spec["volumes"] if volume["name"] == mount["name"]]
            assert volume["name"] == "fetched-code", "of nobody else"
            assert set(volume["emptyDir"]) == {"sizeLimit"}, "and empty"
            assert mount.get("readOnly", False) == (one is not container), "nobody else writes in it"
    for folder in (PROJECT_FOLDER, SOURCE_FOLDER, INSTANCE_FOLDER):
        assert not PurePosixPath(folder).is_relative_to(REPOSITORY_FOLDER)


@pytest.mark.parametrize(
    ("repo", "path"),
    [
        ("{url: /x, root: /opt/dagster/app}", "root"),
        ("{url: /x, subdirectory: ..}", "subdirectory"),
        ("{url: /x, subdirectory: /opt/dagster/app}", "subdirectory"),
    ],
)
def test_no_key_moves_the_root(repo: str, path: str) -> None:
    assert list(named(f"code_locations: [{{name: a, repo: {repo}}}]")) == [f"code_locations[0].repo.{path}"]


# A command whose module is not in the image (`python -m debugpy`).

OF_DAGSTER = ("dagster", "dagster-daemon")
OURS = {
    file.relative_to(source.parent).as_posix()
    for source in sources_of(OPS, ROOT)
    for file in files_of(source)
}
MOUNTED = {one["path"] for one in mounted().source["configMap"]["items"]}


@whatever_is_configured
def test_every_command_and_module_is_in_the_image_or_in_the_archive_of_the_code(
    document: dict[str, Any],
) -> None:
    scripts = {one.name for one in entry_points(group="console_scripts")}
    assert set(OF_DAGSTER) <= scripts
    for container, _ in containers(document):
        words = command_of(container)
        if container["name"] == INSTALLS:
            assert container["command"][2].splitlines()[-1].startswith("exec python -I -c ")
            (module,) = re.findall(r"run_module\('([\w.]+)'", container["command"][2])
            words = ["python", "-m", module]
        if container["name"] in ("git-sync", "resolve", "postgres", "backup"):
            continue  # the image's own program, or a shell that calls it
        assert words[0] in (*OF_DAGSTER, "python")
        if words[:2] == ["python", "-m"]:
            module = words[2].replace(".", "/")
            there = MOUNTED if container["name"] == "webserver" else OURS
            assert {f"{module}.py", f"{module}/__main__.py"} & there, words


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("code_locations: [{name: a, module: python -m debugpy}]", "code_locations[0].module"),
        ("code_locations: [{name: a, command: [python, -m, debugpy]}]", "code_locations[0].command"),
        ("daemon: {pod: {command: [python, -m, debugpy]}}", "daemon.pod.command"),
    ],
)
def test_no_key_is_a_command(text: str, path: str) -> None:
    """A `module` that the repository lacks ends the candidate with a report: test_diagnose.py."""
    assert list(named(text)) == [path]


# `-w` given to `dagster api grpc`.


@cache
def program(name: str) -> click.Command:
    """Return Dagster's own command line, or the front door's, by the name of its command."""
    from dagster._cli import create_dagster_cli
    from dagster._daemon.cli import create_dagster_daemon_cli

    from playground_ops.frontdoor.command import command

    made = {"dagster": create_dagster_cli, "dagster-daemon": create_dagster_daemon_cli, FRONT_DOOR: command}
    return made[name]()


def parsed(words: list[str]) -> list[str]:
    """Return what is left when the command has taken its options. Raises click.NoSuchOption."""
    command, rest = program(words[0]), words[1:]
    while isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    _, left, _ = command.make_parser(click.Context(command)).parse_args(rest)
    return left


def of_dagster(words: list[str]) -> list[str] | None:
    """Return the command of Dagster, or of the front door, that these words become; None for others."""
    if words[0] in OF_DAGSTER:
        return words
    if words[:3] == ["python", "-m", FRONT_DOOR]:
        return words[2:]
    if "--script" in words:
        return None  # what tries a job hands that to no server
    if "--run" in words:
        return words[words.index("--") + 1 :]
    # The module that finds what to load passes on the words after `--`.
    return ["dagster", "api", "grpc", *words[words.index("--") + 1 :]] if "--" in words else None


@whatever_is_configured
def test_every_option_is_one_that_the_command_has(document: dict[str, Any]) -> None:
    with pytest.raises(click.NoSuchOption):
        parsed(["dagster", "api", "grpc", "-w", WORKSPACE_FILE])
    for container, _ in containers(document):
        words = of_dagster(command_of(container))
        if words is not None:
            assert parsed(words) == []


def test_no_key_is_an_argument() -> None:
    text = "code_locations: [{name: a, arguments: [-w, x]}]"
    assert list(named(text)) == ["code_locations[0].arguments"]


# A missing PYTHONPATH.


@whatever_is_configured
def test_whoever_loads_code_is_told_where_it_lies(document: dict[str, Any]) -> None:
    configuration = configured(document)
    looked = with_packages_checked("", configuration.kubernetes.artifacts_store)
    for container, _ in containers(document):
        words, command = [*container.get("command", ()), *container.get("args", ())], command_of(container)
        known = [f"{more}{looked}{one}" for more in ("", WRITE) for one in (START, UNPACK)]
        whole = {text: one for one in known for text in (one, first(one))}
        words = [
            next((one for one in (START, UNPACK) if whole.get(word, "").endswith(one)), word)
            for word in words
        ]
        in_image = words[:3] == ["sh", "-ec", START]
        if container["name"] == SERVER and command[:2] == ["python", "-c"]:
            assert "-d" in command, "a smoke test loads as its server does"
        elif container["name"] == SERVER and command[0] == "python":
            assert any(word.startswith("PYTHONPATH=") for word in words[: words.index("python")])
        if command[:3] == ["python", "-m", FRONT_DOOR]:
            assert words[:3] == ["sh", "-ec", instance.START], "which names the folder of its modules"
            continue
        if command[:2] == ["python", "-m"] and OWN_CODE in words:
            ops = released(configuration.ops, configuration)
            assert words[words.index(OWN_CODE) + 1 :][:2] == [directory(ops), ops.location.subdirectory]
            assert "\nexport PYTHONPATH=" in OWN_CODE, "of ops from git"
            assert words[:4] == ["sh", "-ec", UNPACK, PROJECT_FOLDER]
        elif command[:2] == ["python", "-m"]:
            assert f"PYTHONPATH={PROJECT_FOLDER}" in words[: words.index("python")], "over any other"
            assert words[:4] == ["sh", "-ec", UNPACK, PROJECT_FOLDER], "where it was unpacked to"
        if command[:3] == ["dagster", "api", "grpc"]:
            folder = command[command.index("-d") + 1]
            assert words[:4] == ["sh", "-ec", *((START, SERVER) if in_image else (UNPACK, folder))]
        if "-m" in command and not in_image:
            unpacked = next(
                mount for mount in container["volumeMounts"] if mount["mountPath"] == SOURCE_FOLDER
            )
            assert unpacked["name"] == "source"


def test_the_folder_of_a_server_is_on_its_path(tmp_path: Path) -> None:
    """`-d` alone is enough, in whatever folder it is started and without a PYTHONPATH."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "lies_here.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def ended(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            env={**variables, "DAGSTER_HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=stretched(120),
            check=False,
        )

    assert "No module named 'lies_here'" in ended("-c", "import lies_here").stderr
    found = ended("-m", "dagster", "definitions", "validate", "-m", "lies_here", "-d", str(tmp_path / "code"))
    assert found.returncode == 0, found.stdout + found.stderr


# A daemon in CrashLoopBackOff: no workspace, no database, a wrong driver. See tests/stack/test_daemon.py too.


def address(service: dict[str, Any], found: Configuration) -> str:
    """Return the address by which webserver and daemon reach it."""
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    return name if namespace == found.kubernetes.namespace else f"{name}.{namespace}.svc"


@whatever_is_configured
def test_daemon_and_webserver_have_a_workspace_a_database_and_its_driver(document: dict[str, Any]) -> None:
    found = configured(document)
    made = objects(document)
    maps = {one["metadata"]["name"]: one["data"] for one in made if one["kind"] == "ConfigMap"}
    services = {address(one, found) for one in made if one["kind"] == "Service"}
    for view in found.views:
        listed = yaml.safe_load(maps[component_of(WORKSPACE, view.deployment)]["workspace.yaml"])
        servers = [one["grpc_server"] for one in listed["load_from"]]
        assert [one["location_name"] for one in servers] == [one.name for one in view.all_locations]
        assert {one["host"] for one in servers} <= services
        _uses(
            made,
            view.deployment,
            yaml.safe_load(maps[component_of(INSTANCE, view.deployment)]["dagster.yaml"]),
        )


def _uses(made: list[dict[str, Any]], deployment: str, instance: dict[str, Any]) -> None:
    """Check that a deployment's webserver and daemon have what they need, and nobody else's."""
    database = instance["storage"]["postgres"]["postgres_db"]
    assert "+" in database["scheme"], "else SQLAlchemy chooses, and from 2.1 on another than is installed"
    driver = make_url(f"{database['scheme']}://host/name").get_dialect().import_dbapi()
    assert driver.__name__ == "psycopg2", "and it is installed"

    for title, spec in pod_specs(iter(made)):
        if title not in [f"Deployment/{component_of(one, deployment)}" for one in (WEBSERVER, DAEMON)]:
            continue
        (main,), volumes = spec["containers"], {one["name"]: one for one in spec["volumes"]}
        words = command_of(main)
        assert words[words.index("-w") + 1] == WORKSPACE_FILE
        folders = {one["mountPath"]: volumes[one["name"]] for one in main["volumeMounts"]}
        assert folders[WORKSPACE_FOLDER]["configMap"] == {"name": component_of(WORKSPACE, deployment)}
        assert folders[INSTANCE_FOLDER]["configMap"] == {"name": component_of(INSTANCE, deployment)}
        variables = {one["name"] for one in main["env"]}
        assert {
            one["env"] for one in database.values() if isinstance(one, dict) and "env" in one
        } <= variables
        assert [one["name"] for one in spec["initContainers"]][:1] == ["wait-for-database"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("daemon: {workspace: /x}", "daemon.workspace"),
        ("daemon: {pod: {environment: {DAGSTER_HOME: /x}}}", "daemon.pod.environment.DAGSTER_HOME"),
        ("postgres: {external: {user: ada}}", "postgres.external.host"),
        ("postgres: {external: {host: postgresql://db.internal}}", "postgres.external.host"),
        ("postgres: {external: {host: db, port: 0}}", "postgres.external.port"),
        ("postgres: {external: {host: db, scheme: postgresql}}", "postgres.external.scheme"),
        ("postgres: {external: {host: db, parameters: {user: x}}}", "postgres.external.parameters.user"),
    ],
)
def test_what_would_keep_a_daemon_from_starting_is_refused(text: str, path: str) -> None:
    assert list(named(text)) == [path]
