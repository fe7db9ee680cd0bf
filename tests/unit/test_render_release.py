"""A release as objects: what its pod runs, and what is mounted where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import read
from playground_ops.core.model import Release, Revision
from playground_ops.render import fetch_script, one_shot_pods, runs
from playground_ops.render.release import directories, directory, loading, render
from playground_ops.targets.common.sources import image_revision

HERE = Path("/srv/stack/configvalues.yaml")
IN_IMAGE = "{name: x, image: 'registry/x:1', module: x.definitions, working_directory: /srv/x}"


def pod(entry: str) -> tuple[Release, dict[str, Any]]:
    """Return the first release of the first location, and its pod."""
    found = read(f"code_locations: [{entry}]", HERE)
    location = found.locations[0]
    revision = Revision(repository=location.repository, commit="0" * 40)
    if location.in_image:
        revision = image_revision(location.in_image)
    made = Release(location=location, number=1, revision=revision, configuration="c", created_at="now")
    return made, render(made, found, "dagster-code-x")[0]["spec"]["template"]["spec"]


def test_code_in_an_image_is_loaded_from_where_it_lies_there() -> None:
    release, spec = pod(IN_IMAGE)
    (main,) = spec["containers"]
    assert main["image"] == "registry/x:1"
    assert main["args"][:7] == ["dagster", "api", "grpc", "-m", "x.definitions", "-d", "/srv/x"]
    assert directory(release) == "/srv/x"
    assert release.revision.commit.startswith("image-")
    assert "initContainers" not in spec
    assert not any("configMap" in volume for volume in spec["volumes"])
    paths = [one["mountPath"] for one in main["volumeMounts"]]
    assert not any(path.startswith("/opt/dagster/app") for path in paths), "the image's own code is there"


def test_or_from_a_file() -> None:
    _, spec = pod("{name: x, image: 'registry/x:1', python_file: /opt/dagster/app/x.py}")
    args = spec["containers"][0]["args"]
    assert args[3:7] == ["--python-file", "/opt/dagster/app/x.py", "-d", "/opt/dagster/app"]


FROM_GIT = "{name: x, repo: 'https://git.internal/x'%s}"


def test_commands_that_prepare_are_the_server_s_and_lengthen_what_its_probe_allows() -> None:
    (_, plain), (_, prepared) = (
        pod(FROM_GIT % more)
        for more in ("", ", prepare: [dbt deps, [echo, '--']], prepare_timeout_seconds: 900")
    )
    server = prepared["containers"][0]
    at = server["args"].index("--prepare")
    assert server["args"][at : at + 4] == [
        *("--prepare", '[["dbt", "deps"], ["echo", "--"]]', "--prepare-seconds", "900")
    ]
    assert at < server["args"].index("--")
    ahead = server["startupProbe"]["failureThreshold"]
    assert ahead == plain["containers"][0]["startupProbe"]["failureThreshold"] + 900
    (context,) = [one["value"] for one in server["env"] if one["name"] == "DAGSTER_CONTAINER_CONTEXT"]
    assert "--prepare" not in context, "a run takes what its server prepared, and a tag can't have it prepare"


def test_what_is_prepared_by_default_changes_no_pod_and_is_turned_off_by_an_empty_list() -> None:
    (_, plain), (_, none) = pod(FROM_GIT % ""), pod(FROM_GIT % ", prepare: []")
    assert "--prepare" not in plain["containers"][0]["args"]
    args = none["containers"][0]["args"]
    assert args[args.index("--prepare") : args.index("--")] == ["--prepare", "[]"]


def test_a_release_from_git_may_be_loaded_from_a_folder_that_its_commit_names() -> None:
    release, spec = pod(FROM_GIT % "")
    names = (
        release,
        release.model_copy(update={"location": release.location.model_copy(update={"name": "ops"})}),
    )
    copies = [[one for one in directories(found) if "prepared" in one] for found in names]
    assert copies == [[f"/opt/dagster/app/prepared/{'0' * 40}"]] * 2
    assert all(release.revision.commit in one for one in directories(release))
    assert spec["initContainers"], "and it is copied from what git-sync fetched"


@pytest.mark.parametrize("entry", ["{name: x}", "{name: x, repo: 'https://git.internal/x'}", IN_IMAGE])
def test_every_server_has_the_instance_s_settings_before_it_starts(entry: str) -> None:
    _, spec = pod(entry)
    script = spec["containers"][0]["command"][2]
    assert script.index("PLAYGROUND_INSTANCE") < script.rindex("exec ")


def test_what_fetches_gives_up_at_once_where_its_pod_is_started_again() -> None:
    release, spec = pod("{name: x, repo: {url: 'https://git.internal/x', secret: s, subdirectory: team}}")
    assert release.location.git_secret == "s"
    (fetch, *_), (main,) = spec["initContainers"], spec["containers"]
    assert not [one for one in fetch["args"] if one.startswith("--max-failures")], "0 is git-sync's default"
    (context,) = [one["value"] for one in main["env"] if one["name"] == runs.CONTEXT]
    of_runs = json.loads(context)["k8s"]["run_k8s_config"]["pod_spec_config"]["initContainers"][0]
    assert "--max-failures=2" in of_runs["args"], "nobody starts that pod again"
    assert {"name": fetch_script.SUBDIRECTORY, "value": "team"} in fetch["env"]


def test_a_secret_with_an_authority_alone_is_enough_for_what_fetches() -> None:
    _, spec = pod("{name: x, repo: {url: 'https://git.internal/x', secret: s}}")
    fetch = spec["initContainers"][0]
    (user,) = [one for one in fetch["env"] if one["name"] == fetch_script.USER_VARIABLE]
    reference = {"name": "s", "key": "username", "optional": True}
    assert user["valueFrom"]["secretKeyRef"] == reference
    assert not [one for one in fetch["args"] if "password" in one], "the script adds it for a user"


FROM_GIT = "{name: x, repo: 'https://git.internal/x', module: x.definitions, attribute: sales%s}"


def test_a_chosen_attribute_reaches_server_runs_and_smoke_test() -> None:
    release, spec = pod(FROM_GIT % "")
    words = spec["containers"][0]["args"]
    assert words[words.index("--attribute") + 1] == "sales"
    assert words.index("--attribute") < words.index("--")
    assert loading(release) == ["-m", "x.definitions", "--attribute", "sales", "-d", directory(release)]
    context = next(one["value"] for one in spec["containers"][0]["env"] if one["name"] == runs.CONTEXT)
    command = json.loads(context)["k8s"]["run_k8s_config"]["container_config"]["command"]
    assert command[command.index("--attribute") + 1] == "sales"
    assert command[-2:] == ["--run", "--"]


def test_of_code_in_an_image_too() -> None:
    entry = IN_IMAGE.replace("}", ", attribute: sales}")
    _, spec = pod(entry)
    assert spec["containers"][0]["args"][3:9] == [
        "-m",
        "x.definitions",
        "--attribute",
        "sales",
        "-d",
        "/srv/x",
    ]


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("", None),
        (", environment: {PYTHONPATH: lib}", "lib"),
        (", pod: {environment: {PYTHONPATH: /srv/lib}}", "/srv/lib"),
        (", environment: {PYTHONPATH: lib}, pod: {environment: {PYTHONPATH: /srv/lib}}", "lib"),
    ],
)
def test_a_configured_path_is_passed_on(more: str, path: str | None) -> None:
    """What finds the project has this project on PYTHONPATH, over that of the pod."""
    _, spec = pod(FROM_GIT % more)
    words = spec["containers"][0]["args"]
    assert (words[words.index("--path") + 1] if "--path" in words else None) == path


def test_a_smoke_test_loads_what_the_server_loads() -> None:
    for entry in ("{name: x}", IN_IMAGE, "{name: x, image: 'r/x:1', python_file: /srv/x.py}"):
        release, spec = pod(entry)
        found = read(f"code_locations: [{entry}]", HERE)
        script = one_shot_pods.Script("print()", ("job", "smoke", "x-1"))
        made = one_shot_pods.smoke_pod(release, found, "dagster-code-x", "smoke", script)
        server, smoke = (one["containers"][0]["args"] for one in (spec, made["spec"]))
        what = loading(release)
        assert server[:3] + what == server[: 3 + len(what)]
        assert smoke == ["python", "-c", "print()", *what, "job", "smoke", "x-1"]
