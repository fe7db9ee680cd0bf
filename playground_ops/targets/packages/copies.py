"""A copy of a checkout, to build packages in: a build writes into its folder; a checkout never changes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playground_ops.targets.common.project import Project
from playground_ops.targets.common.repository_files import stays_inside

_SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
_IGNORED = frozenset(("__pycache__", ".venv"))


def copy_checkout(project: Project, target: Path) -> None:
    """Copy the complete checkout of `project`, without what Python and its environments leave in it.

    Links that lead out of the checkout are left out: a build would follow them.
    """

    def ignored(folder: str, names: list[str]) -> set[str]:
        out = (name for name in names if not stays_inside(project.checkout, Path(folder, name)))
        return {*out, *_IGNORED.intersection(names)}

    shutil.copytree(project.checkout, target, symlinks=True, ignore=ignored)


@contextmanager
def copied(project: Project, place: Path) -> Iterator[Project]:
    """Yield the project in a copy, in a folder beside `place` by the name that `sweep` knows.

    The folder has room for more. The caller holds its lock.

    No two contents have a copy at the same path: uv knows what it built by path and time.
    """
    folder = place.with_name(f".{place.name}.building")
    copy = folder / "checkout"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        copy_checkout(project, copy)
        there = project.moved(copy)
        if project.declared.kind == "setup.cfg" and not (there.directory / "pyproject.toml").exists():
            # Without one no tool takes the folder for a project.
            (there.directory / "pyproject.toml").write_text(_SETUPTOOLS)
        yield there
    finally:
        shutil.rmtree(folder, ignore_errors=True)
