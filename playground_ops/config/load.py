"""Reading a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from playground_ops.config.configuration import (
    Configuration,
    DaemonSettings,
    HealthSettings,
    ImageSettings,
    RolloutSettings,
    WebserverSettings,
)
from playground_ops.config.faults import fault, faults
from playground_ops.config.schema import EnvironmentSection, File, LocationSection, RepoSection
from playground_ops.errors import BadInput, Finding
from playground_ops.model import Location


def load(path: Path) -> Configuration:
    """Raises BadInput with every fault of the file at once; nothing is touched."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            fault(path, "", f"no readable file at {path} ({error})", "a YAML file", "Name it by --config.")
        ) from error
    return read(text, path)


def read(text: str, path: Path) -> Configuration:
    """As `load`, for text that was read already; `path` says where from."""
    document = _document(text, path)
    try:
        file = File.model_validate(document, context={"folder": path.parent.absolute()})
    except ValidationError as error:
        raise BadInput(*faults(path, error), *_duplicate_names(document, path)) from error
    if found := _duplicate_names(document, path) + _given_twice(file, path):
        raise BadInput(*found)
    return Configuration(
        source=str(path.absolute()),
        target=file.target,
        webserver=WebserverSettings(**file.webserver.model_dump()),
        daemon=DaemonSettings(**file.daemon.model_dump()),
        images=ImageSettings(**file.images.model_dump()),
        health=HealthSettings(**file.health.model_dump()),
        rollout=RolloutSettings(**file.rollout.model_dump()),
        locations=tuple(_location(section) for section in _sections(file)),
    )


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses a key that stands twice, which YAML forbids and PyYAML lets pass."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(None, None, "a key that is not text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key `{key}` stands here a second time", key_node.start_mark
            )
        seen.add(key)
    return {
        loader.construct_object(key_node, deep=True): loader.construct_object(value_node, deep=True)
        for key_node, value_node in node.value
    }


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _document(text: str, path: Path) -> Any:
    try:
        document = yaml.load(text, Loader=_Loader)  # _Loader is a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(_not_yaml(path, error)) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        found = f"a document that is {type(document).__name__}"
        raise BadInput(fault(path, "", found, "a mapping of keys to values", "See the shipped file."))
    # A section whose keys are all commented out is nothing, and means its defaults.
    return {str(key): value for key, value in document.items() if value is not None}


def _not_yaml(path: Path, error: Exception) -> Finding:
    mark = getattr(error, "problem_mark", None)
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return fault(path, "", f"text that is not YAML{where}: {problem}", "YAML", "Correct that line.")


def _sections(file: File) -> list[LocationSection]:
    """Both forms as one list: A and B by the flat keys unless the list has them."""
    if file.code_locations is not None:
        return file.code_locations
    flat = file.environment or EnvironmentSection()
    return [
        LocationSection(name="a", repo=RepoSection.model_construct(url=flat.repo_url_a, ref=flat.repo_ref_a)),
        LocationSection(name="b", repo=RepoSection.model_construct(url=flat.repo_url_b, ref=flat.repo_ref_b)),
    ]


def _location(section: LocationSection) -> Location:
    return Location(
        name=section.name,
        repository=section.repo.url,
        ref=section.repo.ref if section.repo.url else None,
        subdirectory=section.repo.subdirectory,
        automation=section.automation or ("off" if section.name == "b" else "on"),
        **section.model_dump(exclude={"name", "repo", "automation"}),
    )


def _duplicate_names(document: Any, path: Path) -> list[Finding]:
    listed = document.get("code_locations")
    names = (
        [entry.get("name") for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    )
    found, seen = [], set()
    for index, name in enumerate(names):
        if isinstance(name, str) and name in seen:
            where = f"code_locations[{index}].name"
            found.append(fault(path, where, f"`{name}` a second time", "a name of its own", "Rename one."))
        seen.add(str(name))
    return found


def _given_twice(file: File, path: Path) -> list[Finding]:
    flat = file.environment
    if flat is None or file.code_locations is None:
        return []
    given = [key for key in sorted(flat.model_fields_set) if getattr(flat, key) is not None]
    return [
        fault(
            path,
            f"environment.{key}",
            "this beside `code_locations`",
            "one of the two forms",
            f"Move it to the entry of location `{key[-1]}` in `code_locations`, and remove it here.",
        )
        for key in given
    ]
