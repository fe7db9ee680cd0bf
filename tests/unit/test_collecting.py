"""One archive of what a bug report needs: complete, readable only by its owner, and without secrets."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import dagster as dg

from playground_ops.engine.collect import LARGEST_CHARACTERS, entries, write
from playground_ops.targets.kubernetes.logs.collect import _without_secrets
from tests.openers import FakeOpener, launch, told


def read(path: Path) -> dict[str, str]:
    with tarfile.open(path) as found:
        files = {one.name.partition("/")[2]: found.extractfile(one) for one in found.getmembers()}
        return {name: io.TextIOWrapper(file).read() for name, file in files.items() if file is not None}


def test_it_holds_what_is_known_and_no_secret(opener: FakeOpener, tmp_path: Path) -> None:
    text = opener.file.read_text().replace("name: b,", "name: b, environment: {DB_PASSWORD: hunter2},")
    opener.file.write_text(text)
    opened = opener.open()
    path, files = tmp_path / "out.tar.gz", list[str]()
    size = write(entries(opened.target, opened.configuration, opened.engine.clock), path, files.append)
    assert size == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    found = read(path)
    assert list(found) == files
    assert {"about.json", "configvalues.yaml", "status.json", "health.json", "rollouts/a.json"} <= set(found)
    assert "dagster" in json.loads(found["about.json"])["packages"]
    assert "It serves no release." in found["health.json"]
    assert found["logs/webserver.log"] == "token=*** is wrong"
    assert "hunter2" not in "".join(found.values())


def test_of_a_long_log_the_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.tar.gz"
    write([("long", "a" * LARGEST_CHARACTERS + "end")], path, lambda name: None)
    assert len(read(path)["long"]) == LARGEST_CHARACTERS
    assert read(path)["long"].endswith("end")


def test_a_secret_is_told_by_its_keys_and_nothing_of_its_values() -> None:
    secret = {
        "metadata": {
            "name": "git",
            "managedFields": [{"a": "b"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0"},
        },
        "data": {"ssh": "c2VjcmV0"},
    }
    kept = _without_secrets("Secret", secret)
    assert kept["data"] == {"ssh": "*** (8 characters)"}
    assert "c2VjcmV0" not in json.dumps(kept)
    assert "managedFields" not in kept["metadata"]
    archive = _without_secrets("ConfigMap", {"metadata": {}, "data": {"a": "b"}, "binaryData": {"x": "QUJD"}})
    assert archive["data"] == {"a": "b"}
    assert archive["binaryData"] == {"x": "*** (4 characters)"}


def test_the_job_says_where_it_is_and_keeps_the_last_few(
    opener: FakeOpener, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    opener.world.artifacts = tmp_path
    for number in range(7):
        (tmp_path / "collected").mkdir(exist_ok=True)
        (tmp_path / "collected" / f"playground-0000-0{number}.tar.gz").write_text("")
    result = launch(opener, instance, "collect_logs")
    assert result.success
    kept = sorted((tmp_path / "collected").iterdir())
    assert len(kept) == 5
    assert any(kept[-1].name in line for line in told(result, instance))
    assert "health.json" in read(kept[-1])
