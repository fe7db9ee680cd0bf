"""`generate`: the same files every time, no edit is lost, and files of removed components are deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from playground_ops.cli.main import cli
from playground_ops.render import files

FILES = [
    "0-foundation.yaml",
    "1-configuration.yaml",
    "1-postgres.yaml",
    "2-instance.yaml",
    "2-workspace.yaml",
    "3-location-a.yaml",
    "3-location-b.yaml",
    "3-location-ops.yaml",
    "4-daemon.yaml",
    "4-webserver.yaml",
    "5-releases.yaml",
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    found = tmp_path / "configvalues.yaml"
    found.write_text("")
    return found


def generate(config: Path, *more: str) -> Result:
    folder = config.parent / "deploy"
    return CliRunner().invoke(
        cli, ["generate", "--config", str(config), "--output", str(folder), *more], standalone_mode=False
    )


def names(config: Path) -> list[str]:
    return sorted(path.name for path in (config.parent / "deploy").iterdir())


def test_one_file_a_component_and_a_second_time_nothing(config: Path) -> None:
    first = generate(config)
    assert first.exception is None, first.output
    assert names(config) == FILES
    second = generate(config)
    assert second.output == "11 files, 0 written, 0 deleted.\n"


def test_a_location_that_went_takes_its_file_along_and_other_files_stay(config: Path) -> None:
    generate(config)
    own = config.parent / "deploy" / "own.yaml"
    own.write_text("kind: ConfigMap\n")
    config.write_text("code_locations: [{name: a}]")
    told = generate(config)
    assert "Deleted" in told.output
    assert names(config) == sorted([*(name for name in FILES if "-b." not in name), "own.yaml"])
    assert own.read_text() == "kind: ConfigMap\n"


def test_an_edited_file_is_kept_unless_forced(config: Path) -> None:
    generate(config)
    edited = config.parent / "deploy" / "4-daemon.yaml"
    text = edited.read_text()
    edited.write_text(text.replace("replicas: 1", "replicas: 0"))
    untouched = (config.parent / "deploy" / "2-instance.yaml").read_text()
    config.write_text("daemon: {dequeue_interval_seconds: 9}")
    refused = generate(config)
    assert "4-daemon.yaml" in str(refused.exception)
    assert "--force" in str(refused.exception)
    assert "replicas: 0" in edited.read_text()
    assert (config.parent / "deploy" / "2-instance.yaml").read_text() == untouched, "nothing else is written"
    assert generate(config, "--force").exception is None
    assert "replicas: 1" in edited.read_text()


def test_an_edited_file_that_would_stay_as_it_is_stops_nothing_else() -> None:
    wanted = {"a.yaml": "---\nx: 1\n", "b.yaml": "---\nx: 2\n"}
    found = files.compare(wanted, {"a.yaml": "---\nx: 1\n"})
    assert (set(found.write), found.delete, found.edited) == ({"b.yaml"}, (), ())


def test_a_folder_that_cannot_be_written_is_named(config: Path) -> None:
    (config.parent / "deploy").mkdir()
    (config.parent / "deploy" / "file").write_text("")
    told = generate(config, "--output", str(config.parent / "deploy" / "file" / "below"))
    assert "can't be written" in str(told.exception)


@pytest.mark.parametrize(
    "text", ["y", "N", "1e3", "1.5E3", ".5e-3", "08", "0o17", "0X1f", "0B1", "1_0e3", "+9e9"]
)
def test_text_that_kubectl_would_take_for_a_boolean_or_a_number_is_quoted(text: str) -> None:
    """It covers a location called `n`; tests/kubernetes/test_rendered.py has kubectl read it."""
    (written,) = files.files({"a": [{"name": text, text: "x"}]}, "a test").values()
    assert f"name: '{text}'" in written
    assert f"'{text}': x" in written


@pytest.mark.parametrize("text", ["yes please", "1Gi", "1.2.3", "0.0.0.0", "e3", "a"])
def test_other_text_stands_as_it_is(text: str) -> None:
    (written,) = files.files({"a": [{"name": text}]}, "a test").values()
    assert f"name: {text}\n" in written
