"""Dagster's default IO manager, which also finds values of locations that this one reads.

It stands alone: the processes of a location's code import it by this name, without the rest of this project.
Dagster takes it by DAGSTER_DEFAULT_IO_MANAGER_MODULE and ..._ATTRIBUTE
(`dagster/_core/definitions/job_definition.py`, `default_job_io_manager`).
"""

import os
from typing import TYPE_CHECKING, Any

from dagster import InitResourceContext, InputContext, io_manager
from dagster._core.storage.fs_io_manager import PickledObjectFilesystemIOManager

if TYPE_CHECKING:
    from upath import UPath

FOLDERS = "PLAYGROUND_READS_FROM"
"""The variable with the folders of values that it reads, in this order, after the location's own."""


class ReadingIOManager(PickledObjectFilesystemIOManager):
    def load_from_path(self, context: InputContext, path: "UPath") -> Any:
        if not path.exists():
            below = path.relative_to(self._base_path)
            for folder in os.environ.get(FOLDERS, "").split(os.pathsep):
                other = type(path)(folder) / str(below)
                if folder and other.exists():
                    path = other
                    break
        return super().load_from_path(context, path)


@io_manager(description="Dagster's default, which also finds values of locations that this one reads.")
def reading_io_manager(context: InitResourceContext) -> ReadingIOManager:
    assert context.instance is not None
    return ReadingIOManager(base_dir=context.instance.storage_directory())  # type: ignore[no-untyped-call]
