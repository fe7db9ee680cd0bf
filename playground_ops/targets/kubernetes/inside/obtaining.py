"""Gets the version of this program that the repository of `ops` pins, where the pod's archive has another.

It comes from the stack's package index alone, without dependencies: `ops` runs on the image's packages. What
was got is kept on the claim, beside the environments, and a replaced pod finds it there.
"""

import compileall
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from pathlib import Path

from packaging.utils import canonicalize_name

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.program import DISTRIBUTION, told
from playground_ops.core.target import Say
from playground_ops.targets.common.atomic_folder import built, locked, used
from playground_ops.targets.common.own_version import Pin, is_clone, read_pin
from playground_ops.targets.common.requirement_files import requirement_of
from playground_ops.targets.kubernetes.inside.own_code import key, version_of
from playground_ops.targets.packages.keeping import Keeping
from playground_ops.targets.packages.sealed import MARKER, seal, seal_if_whole
from playground_ops.targets.packages.uv import Uv, explain
from playground_ops.version import __version__

THING = f"package/{DISTRIBUTION}"
Ready = Callable[[], AbstractContextManager[None]]
"""Makes uv and the index's credentials usable, for as long as it is entered."""


@dataclass(frozen=True)
class Commit:
    """What a release of `ops` has fetched."""

    checkout: Path
    subdirectory: str
    release: str


def obtain(commit: Commit, folder: Path, ready: Ready, say: Say) -> str:
    """Return what a rollout tells of the code; it lies in `folder` afterwards unless the archive has it.

    Raises PlaygroundError: certain for what the repository must change, transient for the index.
    """
    if is_clone(commit.checkout, commit.subdirectory):
        return ""
    pin = read_pin(commit.checkout, commit.subdirectory)
    if pin.version == __version__:
        return told(pin.version, pin.file)
    place = folder / key(pin)
    with locked(place, say) as lock:
        if not (place.is_dir() and seal_if_whole(place)):
            say(f"Getting {DISTRIBUTION} {pin.version} from the package index.")
            with ready(), built(place) as building:
                _install(pin, building, Uv(THING, say=say, keep=(lock,)))
    _check(place, pin)
    used(place)
    Keeping(folder).note(commit.release, place.name)
    return told(pin.version, pin.file)


def _install(pin: Pin, place: Path, uv: Uv) -> None:
    lines = " ".join([f"{DISTRIBUTION}=={pin.version}", *(f"--hash={one}" for one in pin.hashes)])
    wanted = place / ".wanted.txt"
    wanted.write_text(f"{lines}\n")
    hashed = ["--require-hashes"] if pin.hashes else []
    plain = ["--no-deps", "--only-binary", ":all:", "--python", sys.executable]
    done = uv.run(["pip", "install", *plain, *hashed, "--target", str(place), "-r", str(wanted)])
    if done.code != 0:
        raise PlaygroundError(_explained(pin, done.words))
    wanted.unlink()
    compileall.compile_dir(place, quiet=2)  # the server can't write there
    made = {"seal": seal(place)}
    (place / MARKER).write_text(json.dumps(made))


def _explained(pin: Pin, words: str) -> Finding:
    found = explain(THING, words)
    if found.observed.startswith(("Its dependencies can't be resolved", "A package is not on its index")):
        return _not_there(pin, found.evidence)
    return found


def _check(place: Path, pin: Pin) -> None:
    """Check that it is that version, and that the image has the Dagster it is for. Nothing is imported."""
    named = [one for one in distributions(path=[str(place)]) if canonicalize_name(one.name) == DISTRIBUTION]
    if not named or version_of(place) != pin.version:
        raise PlaygroundError(_another(pin, version_of(place)))
    lacks = list(_lacks(named[0]))
    if lacks:
        raise PlaygroundError(_does_not_fit(pin, lacks))


def _lacks(found: Distribution) -> list[str]:
    """Return which of Dagster's packages the image has in another version than it is for.

    Other packages it needs for what a person does outside too; what it lacks of them, its import tells.
    """
    lacks = []
    for one in map(requirement_of, found.requires or ()):
        if one is None or not canonicalize_name(one.name).startswith("dagster"):
            continue
        if one.marker and not one.marker.evaluate({"extra": ""}):
            continue
        try:
            here = version(one.name)
        except PackageNotFoundError:
            here = ""
        if not here or not one.specifier.contains(here, prereleases=True):
            lacks.append(f"{one.name}{one.specifier}, and the image has {here or 'none'}")
    return lacks


def _not_there(pin: Pin, words: str) -> Finding:
    return certain(
        object=THING,
        observed=f"Version {pin.version}, which {pin.file} pins, is not on the package index.",
        cause="There is no such version, or the index that `kubernetes: packages:` names does not have it.",
        fix="Correct the version and push, or bring it to that index.",
        evidence=words,
    )


def _another(pin: Pin, seen: str) -> Finding:
    return certain(
        object=THING,
        observed=f"What the package index has as version {pin.version} says of itself that it is "
        f"{seen or 'no version of this program'}.",
        cause="The wheel was not built from this project, or not as its releases are.",
        fix="Pin another version, or find out who put it on the index.",
    )


def _does_not_fit(pin: Pin, lacks: list[str]) -> Finding:
    return certain(
        object=THING,
        observed=f"Version {pin.version} does not go with the image of `ops`: it wants {'; '.join(lacks)}.",
        cause="`ops` runs on the packages of the stack's image, and a version is made for some of Dagster's.",
        fix="Name an image that has them as `images: dagster:`, `deploy` with that, then pin the version; or "
        "pin one that goes with the image.",
    )
