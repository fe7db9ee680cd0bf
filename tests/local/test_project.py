from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.core.errors import FindingKind, PlaygroundError
from playground_ops.targets.common.project import read_project
from tests.projects import add_definitions, scaffold


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder.resolve()


def refused(checkout: Path, subdirectory: str = ".", module: str | None = None) -> str:
    with pytest.raises(PlaygroundError) as caught:
        read_project(checkout, subdirectory, module)
    assert caught.value.finding.kind is FindingKind.CERTAIN
    return str(caught.value)


def test_a_scaffolded_project_says_all_itself(tmp_path: Path) -> None:
    # given
    add_definitions(scaffold(tmp_path, "sales"))
    # when
    project = read_project(tmp_path, "sales")
    # then
    assert project.module == "sales.definitions"
    assert project.module_root == tmp_path.resolve() / "sales" / "src"
    assert project.load_flag == "--module-name"
    assert project.load_arguments == ("--module-name", "sales.definitions", "-d", str(project.directory))
    assert project.declared.kind == "pyproject.toml"
    assert project.requires_python is not None


def test_the_configured_module_wins(tmp_path: Path) -> None:
    checkout = write(
        tmp_path,
        {
            "pyproject.toml": '[tool.dg.project]\nroot_module = "one"\n',
            "src/one/definitions.py": "",
            "other/entry.py": "",
        },
    )
    project = read_project(checkout, ".", "other.entry")
    assert (project.module, project.module_root) == ("other.entry", checkout)
    assert read_project(checkout).module == "one.definitions"


def test_a_target_module_of_its_own(tmp_path: Path) -> None:
    text = '[tool.dg.project]\nroot_module = "one"\ncode_location_target_module = "one.entry"\n'
    checkout = write(tmp_path, {"pyproject.toml": text, "one/entry.py": ""})
    project = read_project(checkout)
    assert (project.module, project.module_root) == ("one.entry", checkout)


@pytest.mark.parametrize("more", ["", "autoload_defs = true\n"])
def test_without_a_definitions_file_the_defs_folder_is_loaded(tmp_path: Path, more: str) -> None:
    text = f'[tool.dg.project]\nroot_module = "one"\n{more}'
    checkout = write(tmp_path, {"pyproject.toml": text, "src/one/defs/numbers.py": ""})
    project = read_project(checkout)
    assert project.load_arguments == ("--autoload-defs-module-name", "one.defs", "-d", str(checkout))
    assert project.module_root == checkout / "src"


def test_a_dg_toml(tmp_path: Path) -> None:
    checkout = write(
        tmp_path, {"dg.toml": '[project]\nroot_module = "one"\n', "one/definitions/__init__.py": ""}
    )
    assert read_project(checkout).module == "one.definitions"


@pytest.mark.parametrize(
    "text",
    ['module_name = "one.repository"', 'modules = [{type = "module", name = "one.repository"}]'],
)
def test_a_project_of_the_older_kind(tmp_path: Path, text: str) -> None:
    checkout = write(tmp_path, {"pyproject.toml": f"[tool.dagster]\n{text}\n", "one/repository.py": ""})
    assert read_project(checkout).module == "one.repository"


def test_two_modules_are_one_too_many(tmp_path: Path) -> None:
    text = '[tool.dagster]\nmodules = [{type = "module", name = "a"}, {type = "module", name = "b"}]\n'
    message = refused(write(tmp_path, {"pyproject.toml": text}))
    assert "names 2 modules: a, b" in message
    assert "Set the location's module" in message


def test_nothing_said_means_the_playground(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"playground/definitions.py": ""})
    project = read_project(checkout)
    assert (project.module, project.declared.kind) == ("playground.definitions", None)


def test_a_missing_subdirectory_names_what_is_there(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"projects/sales/pyproject.toml": "", "projects/hr/pyproject.toml": ""})
    message = refused(checkout, "projects/sale")
    assert "not in the repository" in message
    assert "`projects/sales`" in message


@pytest.mark.parametrize("subdirectory", ["..", "/etc", "out"])
def test_a_subdirectory_stays_in_the_repository(tmp_path: Path, subdirectory: str) -> None:
    checkout = write(tmp_path / "checkout", {"file": ""})
    (checkout / "out").symlink_to("/etc")
    assert "leads out of the repository" in refused(checkout, subdirectory)


def test_a_missing_module_names_what_is_there(tmp_path: Path) -> None:
    checkout = write(
        tmp_path,
        {
            "projects/sales/pyproject.toml": "",
            "projects/sales/src/sales/definitions.py": "",
            ".venv/x/definitions.py": "",
        },
    )
    message = refused(checkout)
    assert "module/playground.definitions" in message
    assert "`sales.definitions` in subdirectory `projects/sales`" in message
    assert ".venv" not in message


def test_a_broken_pyproject_says_where(tmp_path: Path) -> None:
    message = refused(write(tmp_path, {"pyproject.toml": "[project\nname = 1\n"}))
    assert "file/pyproject.toml" in message
    assert "line 1" in message


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"uv.lock": "", "pyproject.toml": '[project]\nname = "x"\ndependencies = ["dagster"]\n'}, "uv.lock"),
        ({"pyproject.toml": '[project]\nname = "x"\ndependencies = ["dagster"]\n'}, "pyproject.toml"),
        ({"pyproject.toml": '[project]\nname = "x"\ndynamic = ["dependencies"]\n'}, "pyproject.toml"),
        ({"pyproject.toml": '[project]\nname = "x"\n', "requirements.txt": "dagster\n"}, "requirements.txt"),
        ({"pyproject.toml": "[tool.ruff]\n"}, None),
    ],
)
def test_where_the_packages_come_from(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    checkout = write(tmp_path, {**files, "playground/definitions.py": ""})
    assert read_project(checkout).declared.kind == expected


def test_a_member_of_a_workspace_is_locked_above(tmp_path: Path) -> None:
    checkout = write(
        tmp_path,
        {
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["projects/*"]\nexclude = ["projects/odd"]\n',
            "uv.lock": "",
            "projects/sales/pyproject.toml": '[project]\nname = "sales"\ndependencies = ["dagster"]\n',
            "projects/sales/playground/definitions.py": "",
            "projects/odd/pyproject.toml": '[project]\nname = "odd"\ndependencies = ["dagster"]\n',
            "projects/odd/playground/definitions.py": "",
        },
    )
    assert read_project(checkout, "projects/sales").declared.file == checkout / "uv.lock"
    assert read_project(checkout, "projects/odd").declared.kind == "pyproject.toml"


def test_a_package_that_lies_where_the_build_backend_is_told(tmp_path: Path) -> None:
    wheel = '[tool.hatch.build.targets.wheel]\npackages = ["lib/one"]\n'
    text = f'{wheel}[tool.dagster]\nmodule_name = "one.definitions"\n'
    checkout = write(tmp_path, {"pyproject.toml": text, "lib/one/definitions.py": ""})
    assert read_project(checkout).module_root == checkout / "lib"


def test_an_attribute_is_passed_on(tmp_path: Path) -> None:
    checkout = write(tmp_path, {"playground/definitions.py": ""})
    project = read_project(checkout, attribute="sales")
    assert project.load_arguments[2:4] == ("--attribute", "sales")


def test_an_attribute_of_a_folder_of_definitions_is_refused(tmp_path: Path) -> None:
    text = '[tool.dg.project]\nroot_module = "one"\n'
    checkout = write(tmp_path, {"pyproject.toml": text, "src/one/defs/numbers.py": ""})
    with pytest.raises(PlaygroundError) as caught:
        read_project(checkout, attribute="defs")
    assert "Remove `attribute`" in caught.value.finding.fix


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("dagster/__init__.py", "`dagster/`"),
        ("dagster.py", "`dagster.py`"),
        ("src/dagster/__init__.py", "`src/dagster/`"),
    ],
)
def test_what_would_be_imported_instead_of_dagster_is_named(tmp_path: Path, name: str, shown: str) -> None:
    message = refused(write(tmp_path, {"src/playground/definitions.py": "", name: ""}))
    assert f"{shown} in the repository would be imported as `dagster`" in message


@pytest.mark.parametrize(
    "files",
    [
        {"dagster/dagster.yaml": "", "playground/definitions.py": ""},
        {"deploy/dagster/__init__.py": "", "playground/definitions.py": ""},
        {"src/dagster/__init__.py": "", "playground/definitions.py": ""},
        {"dagster/__init__.py": "", "dagster/__main__.py": "", "playground/definitions.py": ""},
    ],
)
def test_a_folder_of_dagster_s_name_that_shadows_nothing_is_left_alone(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert read_project(write(tmp_path, files)).module == "playground.definitions"


def test_a_module_in_a_folder_of_dagster_s_name_can_t_be_imported(tmp_path: Path) -> None:
    message = refused(write(tmp_path, {"dagster/definitions.py": ""}), module="dagster.definitions")
    assert "`dagster/`" in message
    assert "is Dagster itself" in message


def test_a_folder_that_is_declared_too_is_looked_in_once(tmp_path: Path) -> None:
    build = '[tool.setuptools.packages.find]\nwhere = ["src", "./src", "."]\n'
    project = write(tmp_path, {"pyproject.toml": f'[project]\nname = "x"\n{build}', "src/other.py": ""})
    assert "looked in `src`, `.`." in refused(project, module="nosuch")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("file", ["pyproject.toml", "dg.toml"])
def test_a_byte_order_mark_is_named(tmp_path: Path, file: str, encoding: str) -> None:
    write(tmp_path, {"pyproject.toml": '[project]\nname = "x"\n', "playground/definitions.py": ""})
    (tmp_path / file).write_text('[project]\nname = "x"\r\n', encoding=encoding)
    told = refused(tmp_path)
    assert f"file/{file}" in told
    assert f"{'UTF-8' if encoding == 'utf-8-sig' else 'UTF-16'} with a byte order mark (BOM)" in told


def test_windows_line_ends_are_as_good_as_others(tmp_path: Path) -> None:
    write(tmp_path, {"shop/definitions.py": ""})
    (tmp_path / "pyproject.toml").write_bytes(b'[tool.dagster]\r\nmodule_name = "shop.definitions"\r\n')
    assert read_project(tmp_path).module == "shop.definitions"
