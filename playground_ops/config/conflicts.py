"""Faults of values that are right each by itself and wrong beside each other.

Looked for in the file as it stands, so that they are told together with the faults of single values.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.config.address import reached
from playground_ops.config.configuration import KubernetesSettings
from playground_ops.config.faults import Fault, Steps, shown
from playground_ops.config.kubernetes_rules import LONGEST_LABEL
from playground_ops.config.location_section import EnvironmentSection
from playground_ops.config.scalars import text_of


def conflicts(content: Mapping[str, Any]) -> list[Fault]:
    return [
        *_named_twice(content),
        *_refs_of_nothing(content),
        *_both_forms(content),
        *_images(content),
        *_addresses(content),
        *_isolations(content),
        *_one_secret_for_two(content),
        *_egress(content),
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
    found = [(("code_locations", index), entry) for index, entry in _locations(content)]
    ops = content.get("ops")
    for at, entry in [*found, *([(("ops",), ops)] if isinstance(ops, dict) else [])]:
        repo = entry.get("repo")
        if not isinstance(repo, dict) or repo.get("url") is not None:
            continue
        for key in ("ref", "subdirectory", "secret"):
            if repo.get(key) is not None:
                steps: Steps = (*at, "repo", key)
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


def _isolations(content: Mapping[str, Any]) -> Iterator[Fault]:
    """A namespace has one owner, and a database of its own is in a Postgres that the stack runs."""
    kubernetes, postgres = content.get("kubernetes"), content.get("postgres")
    own = kubernetes.get("namespace") if isinstance(kubernetes, dict) else None
    stack = text_of(own) if own is not None else KubernetesSettings().namespace
    taken: dict[str, tuple[str, Any]] = {str(stack): ("the stack", None)}
    for index, entry in _locations(content):
        isolation, at = entry.get("isolation"), ("code_locations", index, "isolation")
        asked = isolation if isinstance(isolation, dict) else {}
        if isolation is not True and not isinstance(isolation, dict):
            continue
        given, name = text_of(asked.get("namespace")), text_of(entry.get("name"))
        namespace = str(given or f"{stack}-{name}")
        steps: Steps = (*at, "namespace") if given else at
        if isinstance(name, str) and not given and len(namespace) > LONGEST_LABEL:
            fix = "Name a shorter one by `isolation: {namespace: ...}`."
            yield Fault(steps, f"the namespace `{shown(namespace)}`", f"at most {LONGEST_LABEL} letters", fix)
        whose, like = taken.setdefault(namespace, (f"`code_locations[{index}]`", name))
        if whose != f"`code_locations[{index}]`" and (given or name != like):
            found = f"the namespace `{shown(namespace)}`, which is that of {whose}"
            yield Fault(steps, found, "a namespace of its own", "Name another one.")
        external = isinstance(postgres, dict) and postgres.get("external") is not None
        if asked.get("database") is True and external:
            fix = "Make a database and a role there, and give its URL by `pod: environment_from_secrets:`."
            found = "`database` beside `postgres.external`"
            yield Fault((*at, "database"), found, "a Postgres that the stack runs", fix)


def _one_secret_for_two(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Each is for one container alone: the one that fetches code, and the one that installs packages."""
    kubernetes = content.get("kubernetes")
    packages = kubernetes.get("packages") if isinstance(kubernetes, dict) else None
    secret = packages.get("secret") if isinstance(packages, dict) else None
    repos = [entry.get("repo") for _, entry in _locations(content)]
    if secret and secret in [repo.get("secret") for repo in repos if isinstance(repo, dict)]:
        fix = "Make one for each, with what that one needs."
        steps: Steps = ("kubernetes", "packages", "secret")
        yield Fault(steps, f"`{shown(secret)}`, which a repository names too", "a Secret of its own", fix)


def _egress(content: Mapping[str, Any]) -> Iterator[Fault]:
    """A repository that nobody can fetch from, and a limit that nobody sets."""
    kubernetes = content.get("kubernetes")
    unlimited = isinstance(kubernetes, dict) and kubernetes.get("network_policies") is False
    for index, entry in _locations(content):
        limit, repo, at = entry.get("egress"), entry.get("repo"), ("code_locations", index, "egress")
        if limit is None:
            continue
        if unlimited:
            fix = "Remove `kubernetes.network_policies: false`, or `egress`."
            yield Fault(at, "`egress` without network policies", "`network_policies: true` beside it", fix)
        url = repo.get("url") if isinstance(repo, dict) else repo
        found = reached(url) if isinstance(url, str) else None
        if limit in ("closed", []) and found and not found.is_known:
            told = f"`closed` beside a repository at the name {shown(found.host)}"
            fix = "Give the addresses of the git server as an entry: a network policy holds no names."
            yield Fault(at, told, "what its repository can be fetched from", fix)


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
