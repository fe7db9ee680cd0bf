"""Reads a configuration file."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from playground_ops.config.configuration import Configuration, File, StackSettings
from playground_ops.config.conflicts import conflicts
from playground_ops.config.deployment_section import Deployment
from playground_ops.config.document import LONGEST_FILE, Document, document, not_yaml
from playground_ops.config.faults import Fault, faults, finding, kind_of, line_of
from playground_ops.config.store import ArtifactsStore
from playground_ops.core.errors import BadInput
from playground_ops.core.model import Location


def load(path: Path) -> Configuration:
    """Read a file. Raises BadInput with all of its faults at once."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * LONGEST_FILE)  # UTF-8 takes at most four bytes a character
        return read(content.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        wrong = Fault((), "a byte that is not UTF-8", "text in UTF-8", "Save the file as UTF-8.", line)
        raise BadInput(finding(path, wrong, {})) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        found = f"no readable file at {path} ({reason})"
        raise BadInput(finding(path, Fault((), found, "a YAML file", "Name it by --config."), {})) from error


def read(text: str, path: Path) -> Configuration:
    """Do what `load` does, for text that was read from `path` already."""
    try:
        found = document(text)
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(finding(path, not_yaml(text, error), {})) from error
    content = {} if found.content is None else found.content
    if not isinstance(content, dict):
        fix = "Begin with a key such as `code_locations:`."
        wrong = Fault((), f"a document that is {kind_of(content)}", "a mapping of keys to values", fix)
        raise BadInput(finding(path, wrong, {}))
    return _configuration(_file(content, found, path), path, text)


def _file(content: dict[str, Any], found: Document, path: Path) -> File:
    file, wrong = _validated(content, path)
    wrong = [*wrong, *found.faults, *conflicts(content)]
    if wrong or file is None:
        raise _refusal(path, wrong, found)
    return file


def _validated(content: dict[str, Any], path: Path) -> tuple[File | None, list[Fault]]:
    """Validate; pydantic's error must not escape, since it repeats keys, which may be URLs with passwords."""
    try:
        return File.model_validate(content, context={"folder": path.parent.absolute()}), []
    except ValidationError as error:
        return None, faults(error)


def _refusal(path: Path, wrong: list[Fault], found: Document) -> BadInput:
    """Return the faults in the order of the file, so that a person corrects it from the top."""
    ordered = sorted(wrong, key=lambda fault: line_of(fault, found.lines) or 0)
    return BadInput(*(finding(path, fault, found.lines) for fault in ordered))


def _configuration(file: File, path: Path, text: str) -> Configuration:
    settings = {key: getattr(file, key) for key in StackSettings.model_fields}
    if file.are_two_versions and "b" not in [one.name for one in file.deployments]:
        settings["deployments"] = (*file.deployments, Deployment(name="b"))
    source = str(path.absolute())
    settings["ops"] = _with_file(file.ops, file.environment_file)
    own = {one.name: one.environment for one in file.deployments}
    locations = tuple(
        _with_variables(_with_file(one, file.environment_file), own.get(one.deployment, {}))
        for one in file.locations
    )
    found = Configuration(source=source, text=text, locations=locations, **settings)
    return _with_store(found.model_copy(update={"are_two_versions": file.are_two_versions}))


def _with_file(location: Location, of_stack: str | None) -> Location:
    """Return the location with the variables of the whole stack beneath its own."""
    if of_stack is None:
        return location
    return location.model_copy(update={"environment_files": (of_stack, *location.environment_files)})


def _with_variables(location: Location, of_deployment: dict[str, str]) -> Location:
    """Return the location with the variables of its deployment beneath its own."""
    if not of_deployment:
        return location
    return location.model_copy(update={"environment": {**of_deployment, **location.environment}})


def _with_store(found: Configuration) -> Configuration:
    """Give every pod that Dagster runs in what it needs to reach the object store."""
    store = found.kubernetes.artifacts_store
    if store is None:
        return found
    webserver, daemon, kubernetes = found.webserver, found.daemon, found.kubernetes
    return found.model_copy(
        update={
            "webserver": webserver.model_copy(update={"pod": store.given(webserver.pod)}),
            "daemon": daemon.model_copy(update={"pod": store.given(daemon.pod)}),
            "deployments": tuple(_deployment_with_store(one, store) for one in found.deployments),
            "kubernetes": kubernetes.model_copy(update={"ops": store.given(kubernetes.ops, account=None)}),
            "locations": tuple(
                one.model_copy(update={"pod": store.given(one.pod)}) for one in found.locations
            ),
        }
    )


def _deployment_with_store(found: Deployment, store: ArtifactsStore) -> Deployment:
    given = {
        name: section.model_copy(update={"pod": store.given(section.pod)})
        for name, section in (("webserver", found.webserver), ("daemon", found.daemon))
    }
    return found.model_copy(update=given)
