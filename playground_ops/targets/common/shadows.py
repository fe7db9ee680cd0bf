"""Finds what in a repository would be imported instead of Dagster, or can't be imported because of it."""

from collections.abc import Iterable
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.targets.common.repository_files import is_file, is_folder

DAGSTER = "dagster"


def check_shadows(checkout: Path, folders: Iterable[Path], module: str) -> None:
    """Raise PlaygroundError (certain) where `folders`, which are first on the path, shadow Dagster, or a link
    with its name leads out of the checkout.

    A folder without `__init__.py` does not: Python takes Dagster's own package, and then nothing is found in
    the folder. `dagster dev` meets the same.
    """
    for folder in folders:
        package, file = folder / DAGSTER, folder / f"{DAGSTER}.py"
        place = package.relative_to(checkout).as_posix()
        if is_file(checkout, file):
            raise PlaygroundError(_shadows(f"{place}.py"))
        is_importable = is_file(checkout, package / "__init__.py")
        # Dagster's own sources, or a copy of them, are Dagster.
        if is_importable and not is_file(checkout, package / "__main__.py"):
            raise PlaygroundError(_shadows(f"{place}/"))
        if not is_importable and is_folder(checkout, package) and _is_in(module, DAGSTER):
            raise PlaygroundError(_is_shadowed(f"{place}/", module))


def _is_in(module: str, package: str) -> bool:
    return module.partition(".")[0] == package


def _shadows(place: str) -> Finding:
    return certain(
        object=f"file/{place}",
        observed=f"`{place}` in the repository would be imported as `dagster`, instead of Dagster.",
        cause="It has Dagster's own name, and lies in a folder that modules are imported from.",
        fix="Rename it, and whatever imports it; `dagster dev` does not start beside it either.",
    )


def _is_shadowed(place: str, module: str) -> Finding:
    return certain(
        object=f"module/{module}",
        observed=f"It lies in `{place}` and can't be imported: the package `dagster` is Dagster itself.",
        cause="The folder has Dagster's own name.",
        fix="Rename the folder, and the module in the configuration or `pyproject.toml`.",
    )
