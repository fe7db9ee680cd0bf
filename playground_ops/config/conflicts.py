"""Faults of values that are right each by itself and wrong beside each other.

Looked for in the file as it stands, so that they are told together with the faults of single values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.config.fault import Fault, Steps
from playground_ops.config.schema import EnvironmentSection
from playground_ops.config.shown import shown
from playground_ops.config.written import text_of


def conflicts(content: Mapping[str, Any]) -> list[Fault]:
    return [
        *_named_twice(content),
        *_refs_of_nothing(content),
        *_both_forms(content),
        *_images(content),
        *_addresses(content),
    ]


def _locations(content: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    listed = content.get("code_locations")
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            yield index, entry


def _named_twice(content: Mapping[str, Any]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, entry in _locations(content):
        name = text_of(entry.get("name"))
        if not isinstance(name, str):
            continue
        if name in seen:
            found = f"`{shown(name)}` a second time"
            fix = f"Rename it; `code_locations[{seen[name]}]` has this name."
            yield Fault(("code_locations", index, "name"), found, "a name of its own", fix)
        seen.setdefault(name, index)


def _refs_of_nothing(content: Mapping[str, Any]) -> Iterator[Fault]:
    """An empty `url: ""` says on purpose that there is no repository; a missing one is forgotten."""
    for index, entry in _locations(content):
        repo = entry.get("repo")
        if not isinstance(repo, dict) or repo.get("url") is not None:
            continue
        for key in ("ref", "subdirectory", "secret"):
            if repo.get(key) is not None:
                steps: Steps = ("code_locations", index, "repo", key)
                yield Fault(
                    steps, f"`{key}` without `url`", "both or neither", f"Add `url`, or remove `{key}`."
                )


def _addresses(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Of webservers: one that is not there has none."""
    kubernetes, webserver = content.get("kubernetes"), content.get("webserver")
    wanted = isinstance(kubernetes, dict) and kubernetes.get("read_only_ingress") is not None
    if wanted and not (isinstance(webserver, dict) and webserver.get("read_only")):
        found = "an ingress to a read-only webserver that there is none of"
        fix = "Add `read_only: true` to `webserver`, or remove `read_only_ingress`."
        yield Fault(("kubernetes", "read_only_ingress"), found, "`webserver.read_only: true` beside it", fix)


def _images(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Code that is in an image is in no repository, and the image is the pod's."""
    for index, entry in _locations(content):
        at = ("code_locations", index)
        if entry.get("image") is None:
            for key in ("python_file", "working_directory"):
                if entry.get(key) is not None:
                    fix = f"Add `image`, or remove `{key}`."
                    yield Fault((*at, key), f"`{key}` without `image`", "both or neither", fix)
            continue
        repo, pod = entry.get("repo"), entry.get("pod")
        beside = {
            "repo": repo.get("url") if isinstance(repo, dict) else repo,
            "dependencies": entry.get("dependencies"),
            "follow": entry.get("follow") or None,
            "pod": pod.get("image") if isinstance(pod, dict) else None,
        }
        for key in (key for key, value in beside.items() if value is not None):
            what = "pod.image" if key == "pod" else key
            told = f"Remove one of the two: the code is in `image`, and nothing comes from `{what}`."
            yield Fault((*at, *what.split(".")), f"`{what}` beside `image`", "one of the two", told)
        if (entry.get("module") is None) == (entry.get("python_file") is None):
            found = "neither `module` nor `python_file`"
            if entry.get("module") is not None:
                found = "`module` beside `python_file`"
            fix = "Say by one of them what the image's server loads."
            yield Fault((*at, "image"), found, "one of the two", fix)


def _both_forms(content: Mapping[str, Any]) -> Iterator[Fault]:
    flat = content.get("environment")
    if not isinstance(flat, dict) or content.get("code_locations") is None:
        return
    for key in EnvironmentSection.model_fields:
        if flat.get(key) not in (None, ""):
            fix = f"Move it to the entry of location `{key[-1]}` in `code_locations`, and remove it here."
            yield Fault(("environment", key), "this beside `code_locations`", "one of the two forms", fix)
