"""Finds out what a project wants loaded, in the pod of a release from git, then becomes its code server.

`python -m playground_ops.targets.kubernetes.inside.serving CHECKOUT --subdirectory S [--module M]
[--attribute A] [--path P] -- ARGUMENTS`

The server runs on the Python of the pod's environment if one was made, else on the image's. With `--script S`
the process becomes that script instead, with what says which module to load, and the arguments; with `--run`
the arguments are the whole command. With `--own-code` it is `ops`, whose repository may hold no code. A
server first runs the commands in `--prepare` (JSON), or what dbt and components need.

It reads the project by the same rules as the local target. The server is the same process, without this
project on its path: `--path` is the PYTHONPATH that the location's configuration gives.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.redact import learn_variables
from playground_ops.render.names import CHOSEN_ENVIRONMENT, ENVIRONMENTS_FOLDER, PACKAGES_USER
from playground_ops.targets.common.process_variables import ENV_FILE, Given, variables
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.kubernetes.inside.prepared import DEFAULT_SECONDS, Orders, Prepared
from playground_ops.targets.kubernetes.inside.reporting import not_its_own, reported
from playground_ops.targets.packages.sealed import belongs_to, seal


def main(arguments: Sequence[str]) -> int:
    learn_variables(os.environ)
    at = arguments.index("--")
    served = arguments[at + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--subdirectory", default=".")
    parser.add_argument("--module")
    parser.add_argument("--attribute")
    parser.add_argument("--path", default="")
    parser.add_argument("--script")
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--own-code", action="store_true")
    parser.add_argument("--prepare", type=json.loads)
    parser.add_argument("--prepare-seconds", type=float, default=DEFAULT_SECONDS)
    found = parser.parse_args(arguments[:at])
    try:
        if found.own_code:
            become_ops(found, served)
        project = read_project(found.checkout, found.subdirectory, found.module, found.attribute)
        environment = own_environment()
        is_server = not found.run and found.script is None
        orders = Orders(found.prepare, found.prepare_seconds, is_server)

        def known(prepared: Project) -> dict[str, str]:
            return variables_of(prepared, environment, found.path)

        project = Prepared(os.environ, environment, known).ensure(project, orders)
        set_variables = known(project)
    except PlaygroundError as error:
        return reported(error)
    command = _command(project, environment, found.script, served)
    if found.run:
        command = with_variables_kept(project, served)
    become(project, environment, command, set_variables)
    return 1


def become_ops(found: argparse.Namespace, served: Sequence[str]) -> None:
    """Replace this process by `ops` in the version that the repository pins; not for a clone of this project.

    Raises PlaygroundError (certain) for what the repository says of the version.
    """
    from playground_ops.targets.common.own_version import is_clone
    from playground_ops.targets.kubernetes.inside import own_code

    if is_clone(found.checkout, found.subdirectory):
        return
    folder = own_code.loading(found.checkout, own_code.code_of(found.checkout, found.subdirectory))
    loaded = ["--module-name", found.module, "-d", str(folder)]
    if found.script is not None:
        own_code.become(folder, ["python", "-c", found.script, *loaded, *served])
    own_code.become(folder, served if found.run else ["dagster", "api", "grpc", *loaded, *served])


def _command(
    project: Project, environment: Path | None, script: str | None, served: Sequence[str]
) -> list[str]:
    if script is not None:
        return ["python", "-c", script, *project.load_arguments, *served]
    loading = ["api", "grpc", *project.load_arguments]
    if environment is None:
        return ["dagster", *loading, *served]
    # Else its steps would run on whatever `python` is.
    return ["python", "-m", "dagster", *loading, "--use-python-environment-entry-point", *served]


KEEPING_VARIABLES = """\
import dagster._cli.utils as utils
utils.get_env_var_dict = lambda folder: {}
from dagster._cli import main
main()
"""
"""Dagster's command line. For a run or a step it would read `.env` again, and let it replace the location's
own variables and DAGSTER_HOME."""


def with_variables_kept(project: Project, command: Sequence[str]) -> list[str]:
    """Return the command of a run or a step, in which `.env` replaces nothing that the pod was given."""
    if not (project.directory / ENV_FILE).exists():
        return list(command)
    if list(command[1:3]) == ["-m", "dagster"]:
        return [command[0], "-c", KEEPING_VARIABLES, *command[3:]]
    if command[0] == "dagster":
        return ["python", "-c", KEEPING_VARIABLES, *command[1:]]
    return list(command)


def variables_of(project: Project, environment: Path | None, path: str) -> dict[str, str]:
    """Return all variables of the location's process. Raises PlaygroundError for its `.env`.

    `path`: its PYTHONPATH as configured. What the pod has counts more than `.env`.
    """
    pod = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    configured = {**pod, "PYTHONPATH": path} if path else pod
    python = environment / "bin" / "python" if environment else None
    return variables(Given(inherited={}, configured=configured), project, python)


def own_environment(
    chosen: Path = Path(CHOSEN_ENVIRONMENT),
    folder: Path = Path(ENVIRONMENTS_FOLDER),
    user: int = PACKAGES_USER,
) -> Path | None:
    """Return the environment made for this pod; None for the image's packages.

    Raises PlaygroundError (certain) when it is not what was chosen for it, or others can write to it.
    """
    try:
        key, made = chosen.read_text().split()
    except FileNotFoundError:
        return None
    place = folder / key
    if not place.exists() or not belongs_to(place, user) or seal(place) != made:
        raise PlaygroundError(not_its_own(f"folder/{place}"))
    return place


def become(
    project: Project, environment: Path | None, command: Sequence[str], set_variables: dict[str, str]
) -> None:
    """Replace this process. Raises OSError when the image has no such program."""
    program = command[0]
    if environment is not None:
        program = str(environment / "bin" / program)
    os.chdir(project.directory)
    os.execvpe(program, [program, *command[1:]], set_variables)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
