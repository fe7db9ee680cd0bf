"""Whether a project has anything to prepare, read from its files and those of its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.targets.common.prepared_by_default import SCRIPT, steps
from playground_ops.targets.common.project import read_project

DBT = "from dagster_dbt import DbtProject\nproject = DbtProject('jaffle')\nproject.prepare_if_dev()\n"


def wanted(folder: Path, files: dict[str, str], *libraries: str) -> list[str] | None:
    """Return the arguments of the script; None where nothing is prepared."""
    for name, text in {"src/sales/definitions.py": "", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    packages = folder.parent / f"{folder.name}-packages"
    for name in libraries:
        (packages / name).mkdir(parents=True)
        (packages / name / "component.py").write_text("class Fivetran(StateBackedComponent): ...\n")
    project = read_project(folder, module="sales.definitions")
    found = steps(project, "python", [packages])
    assert all(list(step.words[:3]) == ["python", "-c", SCRIPT] for step in found)
    return [word for step in found for word in step.words[3:]] if found else None


@pytest.mark.parametrize(
    ("files", "libraries", "arguments"),
    [
        ({}, ["dagster_dbt"], None),
        ({"src/sales/dbt.py": DBT, "jaffle/dbt_project.yml": ""}, ["dagster_dbt"], ["sales.dbt"]),
        ({"src/sales/definitions.py": DBT, "x/dbt_project.yml": ""}, ["dagster_dbt"], ["sales.definitions"]),
        ({"src/sales/dbt.py": DBT, "jaffle/dbt_project.yml": ""}, [], None),
        (
            {
                "src/sales/dbt.py": DBT,
                "jaffle/dbt_project.yml": "",
                "jaffle/target/manifest.json": "{}",
            },
            ["dagster_dbt"],
            None,
        ),
        ({"tests/test_dbt.py": DBT, "jaffle/dbt_project.yml": ""}, ["dagster_dbt"], None),
        ({"src/sales/defs/x/defs.yaml": "type: fivetran.Fivetran\n"}, ["fivetran"], ["--components"]),
        ({"src/sales/defs/x/defs.yaml": "type: fivetran.Fivetran\n"}, [], None),
        ({"src/sales/defs/x/defs.yaml": "type: dagster.DefsFolderComponent\n"}, ["dagster"], None),
        (
            {
                "src/sales/defs/x/component.yaml": "---\ntype: 'sales.Own'\n---\ntype: other.A\n",
                "src/sales/own.py": "class Own(dg.StateBackedComponent): ...",
            },
            [],
            ["--components"],
        ),
        ({"src/sales/defs/x/defs.yaml": "type: sales.Own\n", "src/sales/own.py": ""}, [], None),
    ],
)
def test_what_a_project_needs(
    tmp_path: Path, files: dict[str, str], libraries: list[str], arguments: list[str] | None
) -> None:
    assert wanted(tmp_path / "p", files, *libraries) == arguments
