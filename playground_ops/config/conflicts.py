"""Faults of values that are each valid but conflict with each other.

They are searched in the raw file, so that they are reported together with the faults of single values.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.config.address import reached
from playground_ops.config.deployment_conflicts import of_deployments
from playground_ops.config.faults import Fault, Steps, shown
from playground_ops.config.kubernetes_rules import LONGEST_LABEL
from playground_ops.config.kubernetes_section import KubernetesSettings
from playground_ops.config.location_section import EnvironmentSection
from playground_ops.config.scalars import text_of

_OF_OWN_PACKAGES = ("dependencies_from", "extras", "groups")


def conflicts(content: Mapping[str, Any]) -> list[Fault]:
    return [
        *_named_twice(content),
        *_refs_of_nothing(content),
        *_both_forms(content),
        *_images(content),
        *_of_shared_packages(content),
        *_addresses(content),
        *_isolations(content),
        *_one_secret_for_two(content),
        *_egress(content),
        *_reads(content),
        *of_deployments(content),
    ]


def _locations(content: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    listed = content.get("code_locations")
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            yield index, entry


def _section(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return what stands under a key; empty where that is no mapping."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _url(location: Mapping[str, Any]) -> Any:
    """Return the repository's URL, in either form."""
    repo = location.get("repo")
    return repo.get("url") if isinstance(repo, dict) else repo


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
    """Find keys without a `url`; an empty `url: ""` says on purpose that there is no repository."""
    found: list[tuple[Steps, Any]] = [(("code_locations", index), one) for index, one in _locations(content)]
    for at, entry in [*found, (("ops",), _section(content, "ops"))]:
        repo = entry.get("repo")
        if not isinstance(repo, dict) or repo.get("url") is not None:
            continue
        for key in ("ref", "subdirectory", "secret"):
            if repo.get(key) is not None:
                fix = f"Add `url`, or remove `{key}`."
                yield Fault((*at, "repo", key), f"`{key}` without `url`", "both or neither", fix)


def _addresses(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Find an ingress to a webserver that does not exist."""
    wanted = _section(content, "kubernetes").get("read_only_ingress") is not None
    if wanted and not _section(content, "webserver").get("read_only"):
        found = "an ingress to a read-only webserver that there is none of"
        fix = "Add `read_only: true` to `webserver`, or remove `read_only_ingress`."
        yield Fault(("kubernetes", "read_only_ingress"), found, "`webserver.read_only: true` beside it", fix)


def _isolations(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Check that each namespace has one owner, and that own databases are in a Postgres of the stack."""
    own = _section(content, "kubernetes").get("namespace")
    stack = text_of(own) if own is not None else KubernetesSettings().namespace
    taken: dict[str, tuple[str, Any]] = {str(stack): ("the stack", None)}
    for index, entry in _locations(content):
        isolation, at = entry.get("isolation"), ("code_locations", index, "isolation")
        asked = _section(entry, "isolation")
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
        external = _section(content, "postgres").get("external") is not None
        if asked.get("database") is True and external:
            fix = "Make a database and a role there, and give its URL by `pod: environment_from_secrets:`."
            found = "`database` beside `postgres.external`"
            yield Fault((*at, "database"), found, "a Postgres that the stack runs", fix)


def _one_secret_for_two(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Check that fetching code and installing packages use different Secrets: each is for one container."""
    secret = _section(_section(content, "kubernetes"), "packages").get("secret")
    if secret and secret in [_section(entry, "repo").get("secret") for _, entry in _locations(content)]:
        fix = "Make one for each, with what that one needs."
        steps: Steps = ("kubernetes", "packages", "secret")
        yield Fault(steps, f"`{shown(secret)}`, which a repository names too", "a Secret of its own", fix)


def _egress(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Find repositories that can't be reached, and limits that nothing enforces."""
    unlimited = _section(content, "kubernetes").get("network_policies") is False
    for index, entry in _locations(content):
        limit, at = entry.get("egress"), ("code_locations", index, "egress")
        if limit is None:
            continue
        if unlimited:
            fix = "Remove `kubernetes.network_policies: false`, or `egress`."
            yield Fault(at, "`egress` without network policies", "`network_policies: true` beside it", fix)
        url = _url(entry)
        found = reached(url) if isinstance(url, str) else None
        if limit in ("closed", []) and found and not found.is_known:
            told = f"`closed` beside a repository at the name {shown(found.host)}"
            fix = "Give the addresses of the git server as an entry: a network policy holds no names."
            yield Fault(at, told, "what its repository can be fetched from", fix)


def _reads(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Find locations whose values can't be read: they are not there, or on a claim of another namespace."""
    every = {str(text_of(entry.get("name"))): entry for _, entry in _locations(content)}
    for index, entry in _locations(content):
        listed = entry.get("reads")
        for at, name in enumerate(listed if isinstance(listed, list) else []):
            other, where = every.get(str(text_of(name))), ("code_locations", index, "reads", at)
            if other is None or other is entry:
                fix = "Name another location of this file."
                yield Fault(where, f"`{shown(name)}`", "a location whose values it reads", fix)
            elif entry.get("isolation") or other.get("isolation"):
                fix = "Remove `isolation` from both, or have them share values by an object store."
                found = f"`{shown(name)}`, of which one has a namespace of its own"
                yield Fault(where, found, "locations on one claim", fix)


def _images(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what contradicts `image`: code in an image is in no repository, and the image is the pod's."""
    for index, entry in _locations(content):
        at = ("code_locations", index)
        if entry.get("image") is None:
            for key in ("python_file", "working_directory"):
                if entry.get(key) is not None:
                    fix = f"Add `image`, or remove `{key}`."
                    yield Fault((*at, key), f"`{key}` without `image`", "both or neither", fix)
            continue
        beside = {
            "repo": _url(entry),
            "dependencies": entry.get("dependencies"),
            **{key: entry.get(key) or None for key in _OF_OWN_PACKAGES},
            "follow": entry.get("follow") or None,
            "prepare": entry.get("prepare"),
            "pod.image": _section(entry, "pod").get("image"),
        }
        for what in (what for what, value in beside.items() if value is not None):
            told = f"Remove one of the two: the code is in `image`, and nothing comes from `{what}`."
            yield Fault((*at, *what.split(".")), f"`{what}` beside `image`", "one of the two", told)
        if (entry.get("module") is None) == (entry.get("python_file") is None):
            found = "neither `module` nor `python_file`"
            if entry.get("module") is not None:
                found = "`module` beside `python_file`"
            fix = "Say by one of them what the image's server loads."
            yield Fault((*at, "image"), found, "one of the two", fix)


def _of_shared_packages(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what says which packages to install where none are."""
    for index, entry in _locations(content):
        for key in _OF_OWN_PACKAGES:
            if entry.get("dependencies") == "shared" and entry.get(key):
                fix = f"Remove `dependencies: shared`, or `{key}`."
                found = f"`{key}` beside `dependencies: shared`"
                yield Fault(("code_locations", index, key), found, "packages of its own", fix)


def _both_forms(content: Mapping[str, Any]) -> Iterator[Fault]:
    flat = content.get("environment")
    if not isinstance(flat, dict) or content.get("code_locations") is None:
        return
    for key in EnvironmentSection.model_fields:
        if flat.get(key) not in (None, ""):
            fix = f"Move it to the entry of location `{key[-1]}` in `code_locations`, and remove it here."
            yield Fault(("environment", key), "this beside `code_locations`", "one of the two forms", fix)
