"""Which version of this program a stack's repository pins, and what it may not say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.program import told, version_told
from playground_ops.starting.files import PROJECT
from playground_ops.targets.common.own_version import Pin, is_clone, read_pin
from playground_ops.targets.kubernetes.outside.program_versions import differ

HASH = "sha256:" + "a" * 64
LOCK = """\
version = 1
[[package]]
name = "playground-ops"
version = "{version}"
source = {{ {source} }}
wheels = [{{ url = "https://index.test/playground_ops.whl", hash = "{hash}" }}]
"""
ANOTHER = '[[package]]\nname = "playground-ops"\nversion = "0.3.0"\n'
INDEX = 'registry = "https://index.test/simple"'


def wanting(*requirements: str) -> str:
    listed = ", ".join(f"'{one}'" for one in requirements)
    return f"[project]\nname = 'stack'\nversion = '0'\ndependencies = [{listed}]\n"


def locking(version: str, source: str = INDEX) -> str:
    return LOCK.format(version=version, source=source, hash=HASH)


def repository(folder: Path, **texts: str) -> Path:
    """Write the files, by their names with `_` for the dot."""
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def refused(folder: Path, subdirectory: str = ".") -> Finding:
    with pytest.raises(PlaygroundError) as found:
        read_pin(folder, subdirectory)
    finding = found.value.finding
    assert finding.kind is FindingKind.CERTAIN
    return finding


def test_what_init_makes_pins_a_version(tmp_path: Path) -> None:
    made = repository(tmp_path, pyproject_toml=PROJECT.format(name="stack", version="0.2.1"))
    pin = read_pin(made)
    assert pin == Pin("0.2.1", "pyproject.toml")
    assert version_told(told(pin.version, pin.file)) == "0.2.1"
    assert version_told("Its packages are those of `uv.lock`, which pins them.") is None
    assert not is_clone(made)
    (made / "playground_ops").mkdir()
    assert is_clone(made)


@pytest.mark.parametrize(
    "text",
    [
        "playground-ops==0.2.1",
        "Playground_Ops [local] == 0.2.1",
        "playground-ops===0.2.1",
        'playground-ops==0.2.1; python_version >= "3.10"',
    ],
)
def test_each_way_to_write_it(tmp_path: Path, text: str) -> None:
    assert read_pin(repository(tmp_path, pyproject_toml=wanting("dagster", text))).version == "0.2.1"


def test_a_lock_has_the_version_of_a_range_and_the_hash_of_its_wheel(tmp_path: Path) -> None:
    found = repository(tmp_path, pyproject_toml=wanting("playground-ops>=0.2"), uv_lock=locking("0.3.0"))
    assert read_pin(found) == Pin("0.3.0", "uv.lock", (HASH,))


def test_the_lock_of_a_workspace_lies_above(tmp_path: Path) -> None:
    repository(tmp_path, uv_lock=locking("0.3.0"))
    (tmp_path / "stack").mkdir()
    repository(tmp_path / "stack", pyproject_toml=wanting("playground-ops"))
    assert read_pin(tmp_path, "stack").version == "0.3.0"


def test_requirements_of_pip_pin_it_too(tmp_path: Path) -> None:
    text = f"dagster\nplayground-ops[local]==0.2.1 \\\n    --hash={HASH}\n"
    assert read_pin(repository(tmp_path, requirements_txt=text)) == Pin("0.2.1", "requirements.txt")


@pytest.mark.parametrize(
    ("files", "where", "told"),
    [
        ({}, "file/pyproject.toml", "does not name playground-ops"),
        ({"pyproject_toml": wanting("dagster")}, "file/pyproject.toml", "does not name playground-ops"),
        ({"pyproject_toml": wanting("playground-ops>=0.2")}, "file/pyproject.toml", "playground-ops>=0.2"),
        ({"pyproject_toml": wanting("playground-ops==0.2.*")}, "file/pyproject.toml", "no `uv.lock`"),
        ({"pyproject_toml": wanting("playground-ops")}, "file/pyproject.toml", "without a version"),
        ({"pyproject_toml": wanting("playground-ops===x y")}, "file/pyproject.toml", "does not name"),
        ({"pyproject_toml": wanting("playground-ops===latest")}, "file/pyproject.toml", "is no version"),
        ({"pyproject_toml": wanting("playground-ops==0.1.0")}, "file/pyproject.toml", "pins"),
        (
            {"pyproject_toml": wanting("playground-ops==0.2.1"), "uv_lock": locking("0.2.0")},
            "file/uv.lock",
            "It has playground-ops 0.2.0, and pyproject.toml wants `==0.2.1`",
        ),
        (
            {"pyproject_toml": wanting("playground-ops"), "uv_lock": locking("0.2.0") + ANOTHER},
            "file/uv.lock",
            "several versions of playground-ops: 0.2.0, 0.3.0",
        ),
        ({"requirements_txt": "playground-ops>=0.2\n"}, "file/requirements.txt", "without a version"),
    ],
)
def test_what_is_no_pin_is_told_with_file_and_key(
    tmp_path: Path, files: dict[str, str], where: str, told: str
) -> None:
    found = refused(repository(tmp_path, **files))
    assert found.object == where
    assert told in found.observed


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject_toml": wanting("playground-ops @ git+https://evil.test/x@main")},
        {"pyproject_toml": wanting("playground-ops @ file:wheels/x.whl")},
        {
            "pyproject_toml": wanting("playground-ops==0.2.1")
            + "[tool.uv.sources]\nPlayground_Ops = { git = 'https://evil.test/x' }\n"
        },
        {
            "pyproject_toml": wanting("playground-ops==0.2.1")
            + "[tool.uv]\noverride-dependencies = ['playground-ops @ https://evil.test/x.whl']\n"
        },
        {
            "pyproject_toml": wanting("playground-ops"),
            "uv_lock": locking("0.2.1", 'git = "https://evil.test/x"'),
        },
        {"pyproject_toml": wanting("playground-ops"), "uv_lock": locking("0.2.1", 'editable = "x"')},
        {"requirements_txt": "playground-ops @ https://evil.test/x.whl\n"},
    ],
)
def test_a_place_of_a_commit_s_choice_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    found = refused(repository(tmp_path, **files))
    assert "does not take playground-ops from the package index" in found.observed
    assert "rights in the cluster" in found.cause


def test_a_file_that_leads_out_of_the_checkout_is_not_read(tmp_path: Path) -> None:
    outside = repository(tmp_path, pyproject_toml=wanting("playground-ops==0.2.1")) / "pyproject.toml"
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "pyproject.toml").symlink_to(outside)
    assert "pyproject.toml" in refused(tmp_path / "checkout").sentence()
    assert refused(tmp_path / "checkout", "..").kind is FindingKind.CERTAIN


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["playground-ops"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(name)} = {toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, (bool, int)):
        return str(value).lower()
    return quoted(str(value))


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(one):08X}" for one in text) + '"'


@given(listed=VALUES, sources=VALUES, package=VALUES, wheels=VALUES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_files_hold_there_is_a_version_or_a_sentence(
    tmp_path: Path, listed: object, sources: object, package: object, wheels: object
) -> None:
    repository(
        tmp_path,
        pyproject_toml=f"project = {{dependencies = {toml(listed)}}}\n"
        f"tool = {{uv = {{sources = {toml(sources)}}}}}",
        uv_lock="[[package]]\nname = 'playground-ops'\nversion = '0.2.1'\n"
        f"source = {toml(package)}\nwheels = {toml(wheels)}",
    )
    try:
        assert read_pin(tmp_path).version
    except PlaygroundError as error:
        assert all(one.sentence() for one in error.findings)


@pytest.mark.parametrize(
    ("in_force", "mine", "pinned", "may"),
    [
        ("0.2.0", "0.2.0", None, True),
        ("0.2.1", "0.2.0", "0.2.0", False),
        ("0.2.0", "0.2.1", "0.2.1", True),
        ("0.2.0", "0.2.1", "0.2.0", False),
        ("0.2.0", "0.2.1", None, False),
    ],
)
def test_a_program_of_another_version_writes_only_to_upgrade(
    in_force: str, mine: str, pinned: str | None, may: bool
) -> None:
    found = differ(in_force, mine, pinned)
    assert (not found) is may
    for one in found:
        assert mine in one.sentence()
        assert f"playground-ops=={in_force}" in one.fix
