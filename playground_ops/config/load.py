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
    KubernetesSettings,
    PostgresSettings,
    RolloutSettings,
    WebserverSettings,
)
from playground_ops.config.conflicts import conflicts
from playground_ops.config.document import Document, document, not_yaml
from playground_ops.config.fault import Fault, finding, line_of
from playground_ops.config.faults import faults
from playground_ops.config.limits import LONGEST_FILE
from playground_ops.config.schema import EnvironmentSection, File, LocationSection, RepoSection
from playground_ops.config.shown import kind_of
from playground_ops.errors import BadInput
from playground_ops.model import InImage, Location


def load(path: Path) -> Configuration:
    """Raises BadInput with every fault of the file at once; nothing is touched."""
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
    """As `load`, for text that was read already; `path` says where from."""
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
    """The error ends here: its words repeat keys, one of which may be a URL with a password."""
    try:
        return File.model_validate(content, context={"folder": path.parent.absolute()}), []
    except ValidationError as error:
        return None, faults(error)


def _refusal(path: Path, wrong: list[Fault], found: Document) -> BadInput:
    """In the order of the file, so that a person mends it from the top."""
    ordered = sorted(wrong, key=lambda fault: line_of(fault, found.lines) or 0)
    return BadInput(*(finding(path, fault, found.lines) for fault in ordered))


def _configuration(file: File, path: Path, text: str) -> Configuration:
    return Configuration(
        source=str(path.absolute()),
        text=text,
        target=file.target,
        webserver=WebserverSettings(**file.webserver.model_dump()),
        daemon=DaemonSettings(**file.daemon.model_dump()),
        images=ImageSettings(**file.images.model_dump()),
        health=HealthSettings(**file.health.model_dump()),
        rollout=RolloutSettings(**file.rollout.model_dump()),
        postgres=PostgresSettings.model_validate(file.postgres.model_dump()),
        kubernetes=KubernetesSettings.model_validate(file.kubernetes.model_dump()),
        locations=tuple(_location(section) for section in _sections(file)),
    )


def _sections(file: File) -> list[LocationSection]:
    """Both forms as one list: A and B by the flat keys unless the list has them."""
    if file.code_locations is not None:
        return file.code_locations
    flat = file.environment or EnvironmentSection()
    return [
        LocationSection(name="a", repo=RepoSection.model_construct(url=flat.repo_url_a, ref=flat.repo_ref_a)),
        LocationSection(name="b", repo=RepoSection.model_construct(url=flat.repo_url_b, ref=flat.repo_ref_b)),
    ]


_OF_AN_IMAGE = {"image", "python_file", "working_directory"}


def _location(section: LocationSection) -> Location:
    pod = section.pod if section.image is None else section.pod.model_copy(update={"image": section.image})
    return Location(
        name=section.name,
        repository=section.repo.url,
        ref=section.repo.ref if section.repo.url else None,
        subdirectory=section.repo.subdirectory,
        allowed_refs=tuple(section.repo.allowed_refs),
        git_secret=section.repo.secret if section.repo.url else None,
        automation=section.automation or ("off" if section.name == "b" else "on"),
        in_image=_in_image(section),
        pod=pod.settings(),
        **section.model_dump(exclude={"name", "repo", "automation", "pod", *_OF_AN_IMAGE}),
    )


def _in_image(section: LocationSection) -> InImage | None:
    if section.image is None:
        return None
    given = section.model_dump(include=_OF_AN_IMAGE, exclude_none=True)
    return InImage.model_validate(given)
