"""Layouts, build tools and lock files: what is made of each, and the page about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.own_metadata import declared, needs_build
from playground_ops.targets.common.project import Project, read_project
from tests.realprojects import ELSEWHERE, KNOWN, PAGE, Real, page, written
from tests.stacks import ROOT


def read(real: Real, folder: Path) -> Project:
    return read_project(written(real, folder), real.folder, selection=real.chosen)


def named(real: Real) -> str:
    return real.name


@pytest.mark.parametrize("real", [one for one in KNOWN if not one.refused], ids=named)
def test_its_packages_come_from_the_file_that_counts(real: Real, tmp_path: Path) -> None:
    project = read(real, tmp_path)
    file = project.declared.file
    assert file == (None if real.takes is None else (project.directory / real.takes).resolve())
    assert (project.module_root / f"{project.module.replace('.', '/')}").with_suffix(".py").exists() or (
        project.load_flag == "--autoload-defs-module-name"
    )


@pytest.mark.parametrize("real", [one for one in KNOWN if not one.refused], ids=named)
def test_its_own_name_and_version_are_written_or_built(real: Real, tmp_path: Path) -> None:
    project = read(real, tmp_path)
    found = declared(project)
    how = "built" if needs_build(project) else "written" if found else "none"
    assert how == real.metadata
    if how == "written":
        assert found is not None
        assert (found.name, found.version) == ("sales", "1.2")


@pytest.mark.parametrize("real", [one for one in KNOWN if one.refused], ids=named)
def test_what_can_not_be_loaded_is_refused_with_what_to_do(real: Real, tmp_path: Path) -> None:
    with pytest.raises(PlaygroundError) as refused:
        read(real, tmp_path)
    finding = refused.value.finding
    assert finding.kind is FindingKind.CERTAIN
    assert real.refused in finding.observed
    assert finding.fix


def test_the_page_says_what_the_product_does() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.realprojects`"
    assert all((ROOT / test).is_file() for _, _, test in ELSEWHERE)
