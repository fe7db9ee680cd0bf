"""Versions of Secrets in what is rendered: on the pods that read them, and on no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import Configuration, digest, read
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.render.mounted_versions import SECRET_VERSION, VERSIONS, of_config_map, read_by
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.objects.secret_versions import environments, secrets_read

TEXT = """
webserver: {pod: {environment_from_secrets: [of-webserver]}}
code_locations:
  - {name: a, repo: {url: https://git.test/x, secret: git}}
  - {name: b, pod: {environment_from_secrets: [of-b], image_pull_secrets: [registry]}}
  - name: c
    pod:
      environment_from_config_maps: [settings]
      volumes:
        - {name: keys, path: /etc/keys, secret: of-c}
        - {name: files, path: /etc/files, config_map: files}
"""


def configured(**versions: str) -> Configuration:
    found = read(TEXT, Path("x.yaml"))
    names = {name.replace("_", "-"): version for name, version in versions.items() if name != "config_map"}
    if "config_map" in versions:
        names[of_config_map("settings")] = versions["config_map"]
    return with_fingerprints(in_cluster(found, ClusterFacts(secret_versions=names)))


def told(found: Configuration) -> dict[str, Any]:
    """Return the annotation of its pods by workload."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]
        .get("annotations", {})
        .get(SECRET_VERSION)
        for objects in render(found).values()
        for one in objects
        if one["kind"] in ("Deployment", "StatefulSet")
    }


def digests(found: Configuration) -> dict[str, str]:
    return {one.name: digest(one) for one in found.all_locations}


def test_without_versions_nothing_is_as_it_was_not() -> None:
    assert set(told(configured()).values()) == {None}
    assert all(one["metadata"]["name"] != VERSIONS for one in render(configured())["configuration"])


def test_the_database_password_is_read_by_everything() -> None:
    before, after = configured(), configured(dagster_postgres="2")
    assert set(told(after).values()) == {"dagster-postgres=2"}
    assert not set(digests(before).values()) & set(digests(after).values())


def test_a_secret_of_one_pod_moves_that_pod_alone() -> None:
    before = configured(dagster_postgres="1")
    after = configured(dagster_postgres="1", of_webserver="7")
    moved = {name for name, version in told(after).items() if version != told(before)[name]}
    assert moved == {"dagster-webserver"}
    assert told(after)["dagster-webserver"] == "dagster-postgres=1,of-webserver=7"
    assert digests(before) == digests(after)


def test_credentials_of_a_location_make_it_a_new_release_alone() -> None:
    before = configured(git="1", of_b="1")
    assert {
        name for name, now in digests(configured(git="2", of_b="1")).items() if digests(before)[name] != now
    } == {"a"}
    assert {
        name for name, now in digests(configured(git="1", of_b="2")).items() if digests(before)[name] != now
    } == {"b"}


@pytest.mark.parametrize("read", ["of_c", "config_map"])
def test_a_mounted_secret_and_variables_of_a_config_map_are_read(read: str) -> None:
    before, after = digests(configured(**{read: "1"})), digests(configured(**{read: "2"}))
    assert {name for name, now in after.items() if before[name] != now} == {"c"}


def test_files_of_a_config_map_change_by_themselves() -> None:
    pod = configured().locations[2].pod
    assert [one.config_map for one in pod.volumes] == [None, "files"]
    assert environments(configured()) == {("dagster", "settings")}


def test_who_pulls_images_is_not_restarted() -> None:
    assert digests(configured(registry="1")) == digests(configured(registry="2"))


def test_those_in_force_are_told_to_whoever_may_look_at_no_secret() -> None:
    (found,) = (
        one for one in render(configured(git="2"))["configuration"] if one["metadata"]["name"] == VERSIONS
    )
    assert found["data"] == {"git": "2"}


def test_every_secret_that_a_pod_reads_is_looked_at() -> None:
    found = configured()
    seen = {
        name
        for objects in render(found).values()
        for one in objects
        if one["kind"] in ("Deployment", "StatefulSet")
        for name in read_by(one["spec"]["template"])
    }
    assert {("dagster", name) for name in (*seen, "git", "of-b", "of-c")} == secrets_read(found)
