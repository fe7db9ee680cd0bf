"""Finds out what a project wants loaded, in the pod of a release from git, then becomes its code server.

`python -m playground_ops.targets.kubernetes.inside.serving CHECKOUT --subdirectory S [--module M]
-- ARGUMENTS`

The server runs on the Python of the pod's environment if one was made, else on the image's. With `--script S`
the process becomes that script instead, with the project's module and the arguments; with `--run` the
arguments are the whole command.

It reads the project by the same rules as the local target. The server is the same process, without this
project on its path.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.messages import message
from playground_ops.render.names import CHOSEN_ENVIRONMENT, ENVIRONMENTS_FOLDER, PACKAGES_USER
from playground_ops.targets.common.project import Project, read_project

EXIT_CERTAIN = 65
"""sysexits.h EX_DATAERR: the repository does not contain what was asked for."""


def main(arguments: Sequence[str]) -> int:
    at = arguments.index("--")
    served = arguments[at + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--subdirectory", default=".")
    parser.add_argument("--module")
    parser.add_argument("--script")
    parser.add_argument("--run", action="store_true")
    found = parser.parse_args(arguments[:at])
    try:
        project = read_project(found.checkout, found.subdirectory, found.module)
        environment = own_environment()
    except PlaygroundError as error:
        return reported(error)
    if found.run:
        become(project, environment, served)
    loading = ["api", "grpc", *project.load_arguments, "-d", str(project.working_directory)]
    command = ["dagster", *loading]
    if environment is not None:
        # Else its steps would run on whatever `python` is.
        command = ["python", "-m", "dagster", *loading, "--use-python-environment-entry-point"]
    if found.script is not None:
        command = ["python", "-c", found.script, project.module]
    become(project, environment, [*command, *served])
    return 1


def reported(error: PlaygroundError) -> int:
    """Print the findings as messages. Returns the exit code."""
    for finding in error.findings:
        print(message("finding", **finding.model_dump(mode="json")), flush=True)
    return EXIT_CERTAIN


def own_environment(
    chosen: Path = Path(CHOSEN_ENVIRONMENT),
    folder: Path = Path(ENVIRONMENTS_FOLDER),
    user: int = PACKAGES_USER,
) -> Path | None:
    """Return the environment made for this pod; None for the image's packages.

    Raises PlaygroundError (certain) when somebody else can write to it.
    """
    try:
        key = chosen.read_text()
    except FileNotFoundError:
        return None
    found = folder.stat()
    if found.st_uid != user or found.st_mode & 0o022:
        raise PlaygroundError(not_its_own(f"folder/{folder}"))
    return folder / key


def not_its_own(what: str) -> Finding:
    return certain(
        object=what,
        observed="It belongs to somebody else, or others can write to it.",
        cause="Code of a location put it there, or the storage class keeps no owners of files. What lies in "
        "it is run, so it has to be the stack's own.",
        fix="Remove `.environments` from the claim `dagster-artifacts`; on storage without owners set "
        "`dependencies: shared`.",
    )


def become(project: Project, environment: Path | None, command: Sequence[str]) -> None:
    """Replace this process. Raises OSError when the image has no such program."""
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    program = command[0]
    if environment is not None:
        programs = environment / "bin"
        variables["PATH"] = f"{programs}:{variables.get('PATH', os.defpath)}"
        program = str(programs / program)
    os.chdir(project.working_directory)
    os.execvpe(program, [program, *command[1:]], variables)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
