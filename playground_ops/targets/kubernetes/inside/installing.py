"""Makes the environment that a commit declares, in the pod of a release from git before its server starts.

Where only a build knows the project's own metadata, or generates files of it, that build is made here too:
this is the one container that may ask the package index.

`python -m playground_ops.targets.kubernetes.inside.installing CHECKOUT --subdirectory S [--module M]
--dependencies project|auto [--dependencies-from FILE] [--extra E]... [--group G]... --release R`

With `--own-code` it gets the version of this program that the repository of `ops` pins, and nothing else.

An existing environment is reused without any request; otherwise uv makes it from the package index. uv is
installed if the image lacks it. Credentials for indexes come from the files of a Secret, and never appear in
arguments or in a URL that a log would show.
"""

import argparse
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain, transient
from playground_ops.core.model import Dependencies
from playground_ops.core.redact import learn_variables, redact
from playground_ops.core.target import Say
from playground_ops.render.names import (
    ARTIFACTS,
    CHOSEN_BUILD,
    CHOSEN_ENVIRONMENT,
    MADE_ENVIRONMENTS,
    OWN_BUILDS,
    PACKAGES_SECRET_FOLDER,
)
from playground_ops.render.packages import LIVE, LIVE_AS_OF
from playground_ops.targets.common.atomic_folder import RECENT_SECONDS, members, remove, remove_unused, room
from playground_ops.targets.common.command import Inherited, TimedOut, quiet_environment, run
from playground_ops.targets.common.declared import Selection
from playground_ops.targets.common.own_metadata import needs_build
from playground_ops.targets.common.project import Project, read_project
from playground_ops.targets.kubernetes.inside.index_credentials import box, credentials
from playground_ops.targets.kubernetes.inside.reporting import not_its_own, reported
from playground_ops.targets.packages import own_build
from playground_ops.targets.packages.environments import Environments
from playground_ops.targets.packages.interpreters import of_the_image
from playground_ops.targets.packages.keeping import Keeping
from playground_ops.targets.packages.own_build import OwnBuild
from playground_ops.targets.packages.sealed import belongs_to, seal, seal_if_whole
from playground_ops.targets.packages.uv import tail, too_slow

UV = "0.13.9"
SECONDS = 120.0
_OPTIONS = (
    *("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--retries", "2"),
    *("--no-deps", "--only-binary", ":all:"),
)


def obtain_uv(thing: str, say: Say, folder: Path) -> None:
    """Install uv into `folder`, where nobody else can write, and put it on PATH. Raises PlaygroundError."""
    if shutil.which("uv"):
        return
    say(f"Getting uv {UV} from the package index.")
    command = [sys.executable, "-I", "-m", "pip", "install", *_OPTIONS, "--target", str(folder), f"uv=={UV}"]
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = run(command, Inherited(quiet_environment(variables)), seconds=SECONDS)
    except TimedOut as error:
        raise PlaygroundError(too_slow(thing, SECONDS, error.words)) from error
    if "No module named pip" in done.words:
        raise PlaygroundError(_no_pip(thing, done.words))
    if done.code != 0:
        raise PlaygroundError(_not_had(thing, done.words))
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ.get('PATH', os.defpath)}"


def _not_had(thing: str, words: str) -> Finding:
    """Explain it as transient: it never rejects the commit, and pip does not say what an index answered."""
    return transient(
        object=thing,
        observed=f"uv {UV}, which installs packages, can't be had from the package index.",
        cause="The index does not answer, wants credentials that it is not given, or does not have it.",
        fix="It is tried again. `kubernetes: packages:` names another index, and a Secret; or use an image "
        "that has uv.",
        evidence=tail(words),
    )


def _no_pip(thing: str, words: str) -> Finding:
    return certain(
        object=thing,
        observed="The location's image has neither uv nor pip.",
        cause="Packages are installed by uv, which pip gets from the package index.",
        fix="Use the stock image or one with uv, or set `dependencies: shared` and have the packages in the "
        "image.",
        evidence=tail(words),
    )


TOLD = Path("/dev/termination-log")
"""The default `terminationMessagePath` of a container; what it holds is in the pod's status."""
TOLD_BYTES = 1024
CLAIM = f"claim/{ARTIFACTS}"
INSTANCE_PACKAGES = ("dagster-postgres",)
"""Packages that dagster.yaml names besides Dagster itself; this one brings psycopg2."""


def asked(arguments: Sequence[str]) -> tuple[argparse.Namespace, Selection]:
    """Return what the container of a release is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--subdirectory", default=".")
    parser.add_argument("--module")
    parser.add_argument("--dependencies", type=Dependencies, default=Dependencies.AUTO)
    parser.add_argument("--dependencies-from")
    parser.add_argument("--extra", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--own-code", action="store_true")
    parser.add_argument("--release", required=True)
    found = parser.parse_args(arguments)
    return found, Selection(found.dependencies_from, tuple(found.extra), tuple(found.group))


def main(arguments: Sequence[str]) -> int:
    learn_variables(os.environ)
    found, selection = asked(arguments)
    chosen = Path(CHOSEN_ENVIRONMENT)
    try:
        with room(CLAIM):
            for one in (chosen, Path(CHOSEN_BUILD)):
                one.unlink(missing_ok=True)
            folder = own_folder(Path(MADE_ENVIRONMENTS))
            if found.own_code:
                tell_of_own_code(found, folder)
                return 0
            project = read_project(found.checkout, found.subdirectory, found.module, selection=selection)
            told = project.declared.told()
            if found.dependencies is Dependencies.AUTO and project.declared.is_nothing:
                told = f"The project declares no dependencies: it has those of the image. {told}"
            else:
                key, sealed = environment_of(project, folder, found.release, say)
                if needs_build(project):
                    built = build(project, folder, Wanted(found.release, key), say)
                    Path(CHOSEN_BUILD).write_text(built.place.name)
                chosen.write_text(f"{key} {sealed}")
            tell(told)
    except PlaygroundError as error:
        return reported(error)
    return 0


def environment_of(project: Project, folder: Path, release: str, say: Say) -> tuple[str, str]:
    """Return the key and the seal of the project's environment, which is made if it is missing."""
    environments = Environments(folder, INSTANCE_PACKAGES, of_the_image, box(Path(PACKAGES_SECRET_FOLDER)))
    keeping, sealed = Keeping(folder), None
    while (found := environments.find(project)) and not (sealed := seal_if_whole(folder / found.key)):
        say(f"Environment {found.key} is not what was made: it is made again.")
        if not remove(folder / found.key):
            raise PlaygroundError(_in_use(project, found.key))
    if found is None:
        with index_usable(folder, f"environment/{project.place}"):
            found = environments.ensure(project, say)
    keeping.note(release, found.key)
    say(f"Its environment is {found.key}, with Dagster {found.dagster_version}.")
    return found.key, sealed or seal(folder / found.key)


@contextmanager
def index_usable(folder: Path, thing: str) -> Iterator[None]:
    """Have uv, its cache and the index's credentials, after what no release uses was removed."""
    keeping = Keeping(folder)
    if LIVE in os.environ:
        as_of = datetime.fromisoformat(os.environ[LIVE_AS_OF]).timestamp()
        gone = remove_unused(folder, keeping.keys(set(os.environ[LIVE].split()), as_of), RECENT_SECONDS)
        keeping.tidy(gone, say)
    with credentials(Path(PACKAGES_SECRET_FOLDER)) as private, keeping.cache():
        obtain_uv(thing, say, private)
        yield


def tell_of_own_code(found: argparse.Namespace, folder: Path) -> None:
    """Have the version of this program that the repository pins."""
    from playground_ops.targets.kubernetes.inside.obtaining import THING, Commit, obtain

    ready = partial(index_usable, folder, THING)
    if told := obtain(Commit(found.checkout, found.subdirectory, found.release), folder, ready, say):
        tell(told)


def _in_use(project: Project, key: str) -> Finding:
    return transient(
        object=f"environment/{project.place}",
        observed=f"Environment {key} is not what was made, and can't be removed.",
        cause="Another pod that installs packages works with it.",
        fix="It is tried again.",
    )


@dataclass(frozen=True)
class Wanted:
    """A release, and the key of the environment that it runs in."""

    release: str
    environment: str


def build(project: Project, folder: Path, wanted: Wanted, say: Say) -> OwnBuild:
    """Return what a build of the project made for its release; it is made if it is missing."""
    commit, builds = project.checkout.name, folder / OWN_BUILDS
    found = OwnBuild(builds / f"{wanted.release}-{commit}")
    if not found.is_complete:
        _remove_unused(builds)
        with credentials(Path(PACKAGES_SECRET_FOLDER)) as private, Keeping(folder).cache():
            obtain_uv(f"environment/{project.place}", say, private)
            found = own_build.ensure(
                project,
                commit,
                found.place,
                own_build.How(of_the_image, box(Path(PACKAGES_SECRET_FOLDER))),
                say,
            )
    return found


def _remove_unused(builds: Path) -> None:
    """Remove builds of releases that are gone; a list of live ones that is older than a build is no judge."""
    if LIVE not in os.environ:
        return
    live = set(os.environ[LIVE].split())
    as_of = datetime.fromisoformat(os.environ[LIVE_AS_OF]).timestamp()
    for place in members(builds):
        release, _, _ = place.name.rpartition("-")
        if release not in live and place.stat().st_mtime < as_of - RECENT_SECONDS:
            remove(place)


def own_folder(folder: Path, kubelet: int = 0) -> Path:
    """Return the folder, created if missing. Raises PlaygroundError where it is not the stack's own.

    The user `kubelet` makes it, with the rights of the volume's root: no pod that runs code of a location
    mounts it to write in it, and what lies in it belongs to this user.
    """
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    is_the_kubelets = stat.S_ISDIR(found.st_mode) and found.st_uid == kubelet
    if not is_the_kubelets and not belongs_to(folder, os.getuid()):
        raise PlaygroundError(not_its_own(f"folder/{folder}"))
    return folder


def tell(what: str) -> None:
    """Say it, also where the kubelet reads it: a rollout shows that. Not for faults, which are in the log."""
    told = redact(what.strip())
    say(told)
    if TOLD.exists():
        TOLD.write_bytes(told.encode()[:TOLD_BYTES])


def say(line: str) -> None:
    print(redact(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
