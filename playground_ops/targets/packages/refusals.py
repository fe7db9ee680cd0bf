"""Why the dependencies of a project are refused, and what its author can do."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.redact import redact
from playground_ops.targets.common.declared import Kind
from playground_ops.targets.common.project import Project
from playground_ops.targets.packages.uv import tail

_LOCKING: Mapping[Kind | None, str] = {
    "uv.lock": "uv lock",
    "pylock.toml": "uv export --format pylock.toml -o pylock.toml",
    "poetry.lock": "poetry lock",
    "pdm.lock": "pdm lock -G :all",
    "Pipfile.lock": "pipenv lock",
}


def nothing_declared(project: Project) -> Finding:
    others = "".join(f" `{one.file}` is there: {one.why}." for one in project.declared.not_taken)
    return certain(
        object=_thing(project),
        observed="The project declares no dependencies.",
        cause="Its folder has no lock, no `requirements.txt`, and no dependencies in `pyproject.toml`, "
        f"`setup.py` or `setup.cfg`.{others}",
        fix="Add one of them (with `dagster` in it), or set `dependencies: shared` for the location.",
    )


def stale(project: Project, lacks: Sequence[str]) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"`{project.declared.place}` does not fit what is declared: {'; '.join(lacks[:3])}.",
        cause="What is declared was changed and not locked again, or the new lock was not committed.",
        fix=f"Run `{_command(project)}` and commit the lock, or name another file by `dependencies_from`.",
    )


def not_compiled_again(project: Project) -> Finding:
    return certain(
        object=_thing(project),
        observed="`requirements.txt` does not fit `pyproject.toml`: "
        f"{'; '.join(project.declared.outdated[:3])}.",
        cause="`pyproject.toml` was changed, and `requirements.txt` was not compiled again.",
        fix="Compile it again and commit both, or say by `dependencies_from` which of the two counts.",
    )


def outside(project: Project, places: Sequence[Path]) -> Finding:
    named = ", ".join(f"`{one}`" for one in places)
    return certain(
        object=_thing(project),
        observed=f"It needs packages from outside its repository: {named}.",
        cause=f"`{project.declared.place}`, or a package that it names, points to a folder that only its "
        "author has.",
        fix="Move the package into the repository, or depend on a released version of it.",
    )


def not_there(project: Project, places: Sequence[Path]) -> Finding:
    """`project` is in a copy."""
    named = ", ".join(f"`{one.relative_to(project.checkout).as_posix()}`" for one in places)
    return certain(
        object=_thing(project),
        observed=f"It needs a package at {named}, which is not in the repository at this commit.",
        cause=f"`{project.declared.place}`, or a package that it names, points there.",
        fix="Commit the folder or the file, or correct the path.",
    )


def for_no_selection(project: Project) -> Finding:
    chosen = project.declared.selection
    names = [f"extra `{name}`" for name in chosen.extras] + [f"group `{name}`" for name in chosen.groups]
    return certain(
        object=_thing(project),
        observed=f"`{project.declared.place}` can't give {' and '.join(names)}, as the configuration wants.",
        cause="A requirements file has neither extras nor groups: they are chosen when it is compiled.",
        fix="Compile it with them and remove `extras` and `groups`, or name another file by "
        "`dependencies_from`.",
    )


def not_locked(project: Project, names: Sequence[str]) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"`{project.declared.place}` has no extra or group {_listed(names)}.",
        cause="The configuration of the location names it, and it was not locked.",
        fix=f"Run `{_command(project)}` and commit the lock, or correct the location's `extras` or `groups`.",
    )


def unknown(project: Project, names: Sequence[str]) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"The project has no extra or group {_listed(names)}.",
        cause="The configuration of the location names it.",
        fix="Correct `extras` or `groups` in the configuration, or add it to the project.",
    )


def without_groups(project: Project) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"`{project.declared.place}` does not say which packages are for which group.",
        cause="It was locked without the strategy `inherit_metadata`, which PDM has by default since 2.11.",
        fix="Run `pdm lock -S inherit_metadata` and commit it.",
    )


def unreadable_lock(project: Project, words: str) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"`{project.declared.place}` can't be read.",
        cause=f"It is damaged, unmerged, or written by a tool of another version: {words}.",
        fix=f"Run `{_command(project)}` and commit it.",
    )


def unreadable(project: Project, words: str) -> Finding:
    return certain(
        object=_thing(project),
        observed="Poetry's library can't read the project's `pyproject.toml` or `poetry.lock`.",
        cause=f"{words.rstrip('.')}.",
        fix="Correct what `poetry check --lock` says in the project.",
    )


def not_told(project: Project, why: str, words: str) -> Finding:
    told = (why.strip().splitlines() or ["It says nothing"])[0]
    return certain(
        object=_thing(project),
        observed="The project can't be built, and its build alone knows its dependencies.",
        cause=f"{told.rstrip('.')}.",
        fix="`python -m build --wheel` must work in the project; or list its dependencies in `[project]`, or "
        "commit a lock.",
        evidence=tail(words or why),
    )


def check_builds(thing: str, name: str) -> None:
    """Raise PlaygroundError (certain) where nothing may be built."""
    if os.environ.get("UV_NO_BUILD", "").lower() not in ("1", "true", "t", "yes", "y", "on"):
        return
    raise PlaygroundError(
        certain(
            object=thing,
            observed=f"It needs a build of {name}.",
            cause="`UV_NO_BUILD` allows wheels alone here.",
            fix="Have a wheel of it on the index; list the project's own dependencies in `[project]`, or "
            "commit a lock or a compiled `requirements.txt`.",
        )
    )


def cant_build(thing: str, name: str, why: str, words: str) -> Finding:
    told = (why.strip().splitlines() or ["It says nothing"])[0]
    return certain(
        object=thing,
        observed=f"A package can't be built or installed: {name}.",
        cause=f"{told.rstrip('.')}. A build has what its `[build-system]` requires, as wheels of the index, "
        "and none of the installer's variables; in a pod it has no network either.",
        fix="See its words below; `python -m build --wheel` must work there. Or have its wheel on the index.",
        evidence=tail(words or why),
    )


def no_wheel(project: Project, name: str, version: str | None) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"A package can't be installed: {name} {version or ''}".rstrip() + ".",
        cause="Its lock has no wheel of it for this machine and Python, and no source.",
        fix="Lock a version that has one, or name an image with another Python as `pod: image:`.",
    )


def not_configured(project: Project, url: str) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"It takes packages from {redact(url)}, which is not among the stack's package indexes.",
        cause="The stack has credentials for this server, which are for its own indexes there and no others.",
        fix="Name the index in `kubernetes: packages: extra_index_urls` (on one machine in `UV_INDEX`), or "
        "lock the project with those that are named.",
    )


def no_requirement(project: Project, text: str) -> Finding:
    return certain(
        object=_thing(project),
        observed=f"`{project.declared.place}` has a requirement that can't be read: {redact(text)}.",
        cause="It is no name with versions, no path, and no address that is known here.",
        fix="Write it as `pip` documents it, and push.",
    )


def _command(project: Project) -> str:
    return _LOCKING.get(project.declared.kind, "uv lock")


def _thing(project: Project) -> str:
    return f"environment/{project.place}"


def _listed(names: Sequence[str]) -> str:
    return " and none ".join(f"`{name}`" for name in names)
