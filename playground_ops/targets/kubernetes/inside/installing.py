"""In the pod of a release from git, before its server: see to the environment that its commit declares.

`python -m playground_ops.targets.kubernetes.inside.installing CHECKOUT --subdirectory S [--module M]
--dependencies project|auto --release R`

It is there already, and nobody is asked; or it is made by uv, which asks the package index.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from playground_ops.errors import PlaygroundError
from playground_ops.model import Dependencies
from playground_ops.redact import redact
from playground_ops.render.names import (
    ARTIFACTS,
    CHOSEN_ENVIRONMENT,
    MADE_ENVIRONMENTS,
    PACKAGES_SECRET_FOLDER,
)
from playground_ops.render.packages import LIVE, LIVE_AS_OF
from playground_ops.targets.base import Say
from playground_ops.targets.kubernetes.inside.indexes import credentials
from playground_ops.targets.kubernetes.inside.obtaining import obtain_uv
from playground_ops.targets.kubernetes.inside.serving import EXIT_CERTAIN, not_its_own
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.interpreters import of_the_image
from playground_ops.targets.packages.keeping import Keeping
from playground_ops.targets.project import Project, read_project
from playground_ops.targets.whole import room

CLAIM = f"claim/{ARTIFACTS}"
INSTANCE_PACKAGES = ("dagster-postgres",)
"""What dagster.yaml names, beyond Dagster itself; with it comes psycopg2."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--subdirectory", default=".")
    parser.add_argument("--module")
    parser.add_argument("--dependencies", type=Dependencies, default=Dependencies.AUTO)
    parser.add_argument("--release", required=True)
    found = parser.parse_args(arguments)
    chosen = Path(CHOSEN_ENVIRONMENT)
    try:
        with room(CLAIM):
            chosen.unlink(missing_ok=True)
            folder = own_folder(Path(MADE_ENVIRONMENTS))
            project = read_project(found.checkout, found.subdirectory, found.module)
            if found.dependencies is Dependencies.AUTO and project.dependency_source is None:
                say("The project declares no dependencies: it has those of the image.")
                return 0
            chosen.write_text(key_of(project, folder, found.release, say))
    except PlaygroundError as error:
        for finding in error.findings:
            print(f"finding {finding.model_dump_json()}", flush=True)
        return EXIT_CERTAIN
    return 0


def key_of(project: Project, folder: Path, release: str, say: Say) -> str:
    """Of the project's environment, made if it is not there."""
    environments = Environments(folder, INSTANCE_PACKAGES, of_the_image)
    keeping = Keeping(folder)
    found = environments.find(project)
    if found is None:
        if LIVE in os.environ:
            as_of = datetime.fromisoformat(os.environ[LIVE_AS_OF]).timestamp()
            gone = environments.prune(keeping.keys(set(os.environ[LIVE].split()), as_of))
            keeping.tidy(gone, say)
        with credentials(Path(PACKAGES_SECRET_FOLDER)) as private, keeping.cache():
            obtain_uv(project, say, private)
            found = environments.ensure(project, say)
    keeping.note(release, found.key)
    say(f"Its environment is {found.key}, with Dagster {found.dagster_version}.")
    return found.key


def own_folder(folder: Path) -> Path:
    """The folder of environments, made if it is not there. Raises PlaygroundError where it is not its own."""
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PlaygroundError(not_its_own(f"folder/{folder}"))
    return folder


def say(line: str) -> None:
    print(redact(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
