"""Reading a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from playground_ops.config.configuration import (
    OPS,
    Configuration,
    DaemonSettings,
    HealthSettings,
    ImageSettings,
    KubernetesSettings,
    PostgresSettings,
    RolloutSettings,
    RunQueueSettings,
    WebserverSettings,
)
from playground_ops.config.conflicts import conflicts
from playground_ops.config.document import LONGEST_FILE, Document, document, not_yaml
from playground_ops.config.faults import Fault, faults, finding, kind_of, line_of
from playground_ops.config.schema import EnvironmentSection, File, LocationSection, RepoSection
from playground_ops.core.errors import BadInput
from playground_ops.core.model import InImage, Location


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
    return _with_store(_as_written(file, path, text))


def _with_store(found: Configuration) -> Configuration:
    """What reaches an object store is part of every pod that Dagster runs in."""
    store = found.kubernetes.artifacts_store
    if store is None:
        return found
    webserver, daemon, kubernetes = found.webserver, found.daemon, found.kubernetes
    return found.model_copy(
        update={
            "webserver": webserver.model_copy(update={"pod": store.given(webserver.pod)}),
            "daemon": daemon.model_copy(update={"pod": store.given(daemon.pod)}),
            "kubernetes": kubernetes.model_copy(update={"ops": store.given(kubernetes.ops, account=None)}),
            "locations": tuple(
                one.model_copy(update={"pod": store.given(one.pod)}) for one in found.locations
            ),
        }
    )


def _as_written(file: File, path: Path, text: str) -> Configuration:
    return Configuration(
        source=str(path.absolute()),
        text=text,
        target=file.target,
        run_launcher=file.run_launcher,
        run_queue=RunQueueSettings.model_validate(file.run_queue.model_dump()),
        webserver=WebserverSettings(**file.webserver.model_dump()),
        daemon=DaemonSettings(**file.daemon.model_dump()),
        images=ImageSettings(**file.images.model_dump()),
        health=HealthSettings.model_validate(file.health.model_dump()),
        rollout=RolloutSettings(**file.rollout.model_dump()),
        postgres=PostgresSettings.model_validate(file.postgres.model_dump()),
        kubernetes=KubernetesSettings.model_validate(file.kubernetes.model_dump()),
        ops=_ops(file.ops.repo),
        locations=tuple(_location(section) for section in _sections(file)),
    )


def _ops(repo: RepoSection) -> Location:
    return OPS.model_copy(update=_from_git(repo)) if repo.url else OPS


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
        **_from_git(section.repo),
        automation=section.automation or ("off" if section.name == "b" else "on"),
        in_image=_in_image(section),
        pod=pod.settings(),
        **section.model_dump(exclude={"name", "repo", "automation", "pod", *_OF_AN_IMAGE}),
    )


def _from_git(repo: RepoSection) -> dict[str, Any]:
    return {
        "repository": repo.url,
        "ref": repo.ref if repo.url else None,
        "subdirectory": repo.subdirectory,
        "allowed_refs": tuple(repo.allowed_refs),
        "git_secret": repo.secret if repo.url else None,
    }


def _in_image(section: LocationSection) -> InImage | None:
    if section.image is None:
        return None
    given = section.model_dump(include=_OF_AN_IMAGE, exclude_none=True)
    return InImage.model_validate(given)
