"""What `upgrade --check` tells, and where that is from: the CHANGELOG, the plan, the last version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from playground_ops.cli.upgrade_command import IN_MEMORY, NOTHING, effects, lines, news, notes
from playground_ops.config import read
from playground_ops.core.changelog import between, sections
from playground_ops.core.formats import BEFORE_MARKS, OWN, StoredFormat
from playground_ops.core.plan import Change, FieldChange, Plan
from playground_ops.targets.local import formats
from playground_ops.version import __version__
from tests.projects import commit_all, repository
from tests.stacks import ROOT
from tests.versions import put, version_before

TEXT = """# Changes

## 0.10.0

- tenth

## 0.9.0 (2027-01-02)

- ninth

## 0.2.0

- second
"""


def test_the_newest_section_of_the_changelog_is_of_this_version() -> None:
    assert next(iter(sections((ROOT / "CHANGELOG.md").read_text()))) == __version__


def test_versions_between_two_are_compared_by_number() -> None:
    assert between(TEXT, "0.2.0", "0.10.0") == {"0.10.0": "- tenth", "0.9.0": "- ninth"}
    assert between(TEXT, "0.9.0", "0.9.5") == {}
    assert between("# Changes\n\n## Unreleased\n\n- first\n", "0.9.0", "0.9.5") == {}


def test_what_is_new_since_the_version_that_deployed_it() -> None:
    assert "`upgrade --check`" in news("0.1.0")["0.2.0"]
    assert news(__version__) == {}


def change(component: str, kind: str, action: str, object: str | None = None, *paths: str) -> Change:
    fields = tuple(FieldChange(path=path, before="1", after="2") for path in paths)
    return Change(component=component, kind=kind, action=action, object=object, fields=fields)  # type: ignore[arg-type]


def test_what_a_deploy_does_is_told_in_words_on_one_machine() -> None:
    found = read("code_locations: [{name: a}, {name: b}]", Path("x.yaml"))
    plan = Plan(
        changes=(
            change("webserver", "webserver", "update", None, "front door"),
            change("daemon", "daemon", "unchanged"),
            change("ops", "location", "update", None, "commit"),
            change("a", "location", "unchanged"),
            change("gone", "location", "delete"),
        )
    )
    assert effects(found, plan) == {
        "webserver": "restarts (front door)",
        "daemon": "stays",
        "ops": "a new release, through all gates (commit)",
        "a": "stays",
        "gone": "is taken out",
    }


def test_another_dagster_in_the_environment_is_told() -> None:
    plan = Plan(changes=(change("daemon", "daemon", "update", None, "dagster"),))
    assert notes(plan) == [IN_MEMORY]
    assert notes(Plan(changes=(change("daemon", "daemon", "update", None, "locations"),))) == []


def test_and_in_a_cluster_where_a_component_has_several_objects() -> None:
    found = read("code_locations: [{name: a}]", Path("x.yaml"))
    image = "spec.template.spec.containers[webserver].image"
    plan = Plan(
        changes=(
            change("configuration", "stack", "update", "configmap/dagster-format", "format"),
            change("webserver", "webserver", "unchanged", "service/dagster-webserver"),
            change("webserver", "webserver", "update", "deployment/dagster-webserver", image),
            change("daemon", "daemon", "update", "deployment/dagster-daemon", "metadata.labels.x"),
            change("postgres", "postgres", "unchanged", "statefulset/dagster-postgres"),
            change("a", "location", "unchanged", "service/dagster-grpc-a"),
            change("a", "location", "unchanged"),
        )
    )
    assert effects(found, plan) == {
        "configuration": "is changed while it runs (configmap/dagster-format)",
        "webserver": "restarts (image)",
        "daemon": "is changed while it runs (deployment/dagster-daemon)",
        "postgres": "stays",
        "a": "stays",
    }


def test_a_stack_of_this_version_has_nothing_to_do() -> None:
    told = list(lines(StoredFormat(mark=OWN), {"a": "stays"}, is_empty=True))
    assert told == [f"Version {__version__} deployed this stack, and is this program's.", NOTHING]


def test_one_of_the_first_version_is_told_what_is_migrated() -> None:
    told = "\n".join(lines(StoredFormat.of(BEFORE_MARKS, formats.STEPS), {"a": "stays"}, is_empty=False))
    assert "Version 0.1.0 deployed this stack" in told
    assert "New in 0.2.0:" in told
    assert "will be migrated: format 2: it has a mark" in told
    assert "a: stays" in told


def a_history(folder: Path) -> Path:
    clone = repository(folder)
    for said in ("0.1.0", "0.1.0", "0.2.0", "0.2.0"):
        text = f'# {len(list(clone.iterdir()))}{said}\nversion = "{said}"\n'
        (clone / "pyproject.toml").write_text(text)
        (clone / f"file-{len(list(clone.iterdir()))}").write_text(said)
        commit_all(clone, f"Still {said}")
    return clone


def head(clone: Path, which: str) -> str:
    found = subprocess.run(
        ["git", "-C", str(clone), "rev-parse", which], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def test_the_version_before_is_its_tag_or_the_commit_before_the_version_was_raised(tmp_path: Path) -> None:
    clone = a_history(tmp_path / "clone")
    assert version_before(clone) == head(clone, "HEAD~2")
    for tag in ("v0.0.9", "v0.1.0", "v0.2.0"):
        subprocess.run(["git", "-C", str(clone), "tag", tag], check=True)
    assert version_before(clone) == "v0.1.0"


def test_a_history_that_lacks_it_says_how_to_have_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="unshallow"):
        version_before(a_history(tmp_path / "clone"), "0.1.0")


def test_this_project_has_one(tmp_path: Path) -> None:
    found = put(version_before(), tmp_path / "clone")
    assert (found / "playground_ops" / "__main__.py").is_file()
