"""In the pod of a release from git: find out what the project wants loaded, then become its code server.

`python -m playground_ops.targets.kubernetes.serving CHECKOUT --subdirectory S [--module M] -- ARGUMENTS`

With `--script S` it becomes that script instead, which gets the project's module and the arguments.

It reads the project by the same rules as the local target, and leaves nothing of itself behind: the
server is the same process, without this project on its path.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from playground_ops.errors import PlaygroundError
from playground_ops.model import Dependencies
from playground_ops.targets.project import Project, read_project

EXIT_CERTAIN = 65
"""sysexits.h EX_DATAERR: what is in the repository is not what was asked for."""


def main(arguments: Sequence[str]) -> int:
    given, served = _split(arguments)
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--subdirectory", default=".")
    parser.add_argument("--module")
    parser.add_argument("--script")
    parser.add_argument("--dependencies", default=Dependencies.SHARED.value)
    found = parser.parse_args(given)
    try:
        project = read_project(found.checkout, found.subdirectory, found.module)
    except PlaygroundError as error:
        for finding in error.findings:
            print(f"finding {finding.model_dump_json()}", flush=True)
        return EXIT_CERTAIN
    command = ["dagster", "api", "grpc", *project.load_arguments, "-d", str(project.working_directory)]
    if found.script is not None:
        command = ["python", "-c", found.script, project.module]
    become(project, [*command, *served])
    return 1


def become(project: Project, command: Sequence[str]) -> None:
    """Replace this process. Raises OSError when the image has no such program."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    os.chdir(project.working_directory)
    os.execvpe(command[0], list(command), environment)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    found = list(arguments)
    at = found.index("--")
    return found[:at], found[at + 1 :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
