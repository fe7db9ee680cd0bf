"""Values of locations that another one says it reads: found by Dagster's default IO manager, read-only."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from playground_ops.config import read
from playground_ops.core.errors import BadInput
from playground_ops.render import reads, release
from tests.unit.test_render_release import pod

CODE = """
import dagster as dg

prices = dg.SourceAsset("prices")
by_day = dg.SourceAsset("by_day", partitions_def=dg.StaticPartitionsDefinition(["mon", "tue"]))


@dg.asset
def own() -> int:
    return 1


@dg.asset
def total(own: int, prices: int, by_day: dict) -> int:
    print("TOTAL", own, prices, sorted(by_day.items()))
    return own + prices


with dg.DagsterInstance.get() as instance:
    assert dg.materialize([own, prices, by_day, total], instance=instance).success
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "reads").mkdir(parents=True)
    storage = {
        "module": "dagster._core.storage.root",
        "class": "LocalArtifactStorage",
        "config": {"base_dir": str(tmp_path / "own")},
    }
    (tmp_path / "home" / "dagster.yaml").write_text(yaml.safe_dump({"local_artifact_storage": storage}))
    for place, value in (("prices", 5), ("own", 100), ("by_day/mon", 7), ("by_day/tue", 8)):
        file = tmp_path / "other" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(value))
    return tmp_path / "home"


def ran(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (home / "reading.py").write_text(CODE)
    return subprocess.run(
        [sys.executable, "reading.py"],
        cwd=home,
        env={"DAGSTER_HOME": str(home), "PATH": "", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_code_finds_the_values_of_the_locations_that_it_reads(home: Path) -> None:
    _, spec = pod("{name: x, reads: [prices]}, {name: prices}")
    given = {one["name"]: one["value"] for one in spec["containers"][0]["env"] if "value" in one}
    named = {key: given[key] for key in given if key.startswith(("DAGSTER_DEFAULT_IO", "PLAYGROUND_READS"))}
    (home / "reads" / f"{reads.MODULE}.py").write_text(named["PLAYGROUND_READS"])
    there = f"/nowhere:{home.parent / 'other'}"
    told = ran(home, **{**named, "PLAYGROUND_READS_FROM": there, "PYTHONPATH": str(home / "reads")})
    assert told.returncode == 0, told.stderr
    assert "TOTAL 1 5 [('mon', 7), ('tue', 8)]" in told.stdout, "its own value counts more"
    without = ran(home)
    assert without.returncode != 0
    assert "No such file or directory" in without.stderr


def test_they_are_mounted_read_only_and_without_the_rest_of_that_location_s(home: Path) -> None:
    _, spec = pod("{name: x, reads: [prices]}, {name: prices}")
    mounts = {one["mountPath"]: one for one in spec["containers"][0]["volumeMounts"]}
    assert mounts["/opt/dagster/reads/prices"] == {
        "name": "artifacts",
        "mountPath": "/opt/dagster/reads/prices",
        "subPath": "locations/prices/storage",
        "readOnly": True,
    }
    assert mounts["/opt/dagster/artifacts"]["subPath"] == "locations/x"
    assert reads.WRITE in spec["containers"][0]["command"][2]


@pytest.mark.parametrize("own", ["environment: {{{0}: mine}}", "pod: {{environment: {{{0}: mine}}}}"])
def test_a_default_io_manager_of_its_own_stays(own: str) -> None:
    entry = own.format("DAGSTER_DEFAULT_IO_MANAGER_MODULE")
    _, spec = pod(f"{{name: x, reads: [prices], {entry}}}, {{name: prices}}")
    found = {one["name"]: one["value"] for one in spec["containers"][0]["env"] if "value" in one}
    assert found["DAGSTER_DEFAULT_IO_MANAGER_MODULE"] == "mine"
    assert "DAGSTER_DEFAULT_IO_MANAGER_ATTRIBUTE" not in found


def test_its_module_is_on_the_path_of_code_from_git_too() -> None:
    found, _ = pod("{name: x, repo: 'https://git.internal/x', reads: [prices]}, {name: prices}")
    command = release.reading(found)
    assert command[command.index("--path") + 1] == reads.FOLDER


@pytest.mark.parametrize(
    ("locations", "path", "told"),
    [
        ("{name: x, reads: [y]}", "code_locations[0].reads[0]", "a location whose values it reads"),
        ("{name: x, reads: [x]}", "code_locations[0].reads[0]", "a location whose values it reads"),
        ("{name: x, reads: [y]}, {name: y, isolation: true}", "code_locations[0].reads[0]", "one claim"),
        ("{name: x, reads: [y], isolation: true}, {name: y}", "code_locations[0].reads[0]", "one claim"),
    ],
)
def test_what_can_t_be_read_is_refused(locations: str, path: str, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(f"code_locations: [{locations}]", Path("x.yaml"))
    assert path in str(refused.value)
    assert told in str(refused.value)
