"""Faults of deployments, and of where locations say that they are, that no single value has."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from playground_ops.config.faults import Fault, Steps, shown
from playground_ops.config.scalars import text_of
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN

KINDS = ("webserver", "webserver-read-only", "daemon")
"""The components that every deployment may have."""

Entry = Mapping[str, Any]


def of_deployments(content: Entry) -> Iterator[Fault]:
    listed = [*_entries(content, "deployments")]
    yield from _named_twice(listed)
    yield from _ports(content, listed)
    yield from _paths(content, listed)
    yield from _ingresses(content, listed)
    yield from _databases(content, listed)
    names = [MAIN, *(str(text_of(one.get("name"))) for _, one in listed)]
    locations = [*_entries(content, "code_locations")]
    yield from _unknown(locations, names)
    yield from _like_a_component(locations, names[1:])
    yield from _passwords(content, listed, locations)


def _entries(content: Entry, key: str) -> Iterator[tuple[int, Entry]]:
    listed = content.get(key)
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            yield index, entry


def _below(content: Entry, key: str) -> Entry:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _named_twice(listed: list[tuple[int, Entry]]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, entry in listed:
        name = text_of(entry.get("name"))
        if isinstance(name, str) and name in seen:
            fix = f"Rename it; `deployments[{seen[name]}]` has this name."
            steps: Steps = ("deployments", index, "name")
            yield Fault(steps, f"`{shown(name)}` a second time", "a name of its own", fix)
        elif isinstance(name, str):
            seen[name] = index


def _ports(content: Entry, listed: list[tuple[int, Entry]]) -> Iterator[Fault]:
    """Find a port that two webservers of one machine would listen at."""
    taken = {_below(content, "webserver").get("port"): "`webserver`"}
    for index, entry in listed:
        port = _below(entry, "webserver").get("port")
        if port is not None and port in taken:
            steps: Steps = ("deployments", index, "webserver", "port")
            found = f"`{port}`, which is the port of {taken[port]}"
            yield Fault(steps, found, "a port of its own", "Name another one, or leave `port` out.")
        taken.setdefault(port, f"`deployments[{index}].webserver`")


def _paths(content: Entry, listed: list[tuple[int, Entry]]) -> Iterator[Fault]:
    """Find a path of an ingress that there is none of, or that leads to another webserver."""
    ingress = _below(_below(content, "kubernetes"), "ingress")
    taken = {str(ingress.get("path") or "/"): "`kubernetes.ingress`"}
    for index, entry in listed:
        path, steps = _below(entry, "webserver").get("path"), ("deployments", index, "webserver", "path")
        if path is None:
            continue
        if not ingress:
            fix = "Add `kubernetes: ingress:`, or give it an `ingress` of its own."
            yield Fault(steps, "a path of an ingress that there is none of", "`kubernetes.ingress`", fix)
        elif path in taken:
            found = f"`{shown(str(path))}`, which leads to {taken[path]}"
            yield Fault(steps, found, "a path of its own", "Name another one.")
        taken.setdefault(str(path), f"`deployments[{index}]`")


def _ingresses(content: Entry, listed: list[tuple[int, Entry]]) -> Iterator[Fault]:
    """Find an ingress that leads to one webserver by the host and path of another's."""
    kubernetes = _below(content, "kubernetes")
    taken = {
        _address(_below(kubernetes, key)): f"`kubernetes.{key}`"
        for key in ("read_only_ingress", "ingress")
        if _below(kubernetes, key)
    }
    for index, entry in listed:
        own = _below(_below(entry, "webserver"), "ingress")
        if own and _address(own) in taken:
            steps: Steps = ("deployments", index, "webserver", "ingress")
            found = f"the host and path of {taken[_address(own)]}"
            yield Fault(steps, found, "an address of its own", "Name another `host` or `path`.")
        if own:
            taken.setdefault(_address(own), f"`deployments[{index}]`")


def _address(ingress: Entry) -> tuple[str, str]:
    return str(text_of(ingress.get("host"))), str(ingress.get("path") or "/")


def _databases(content: Entry, listed: list[tuple[int, Entry]]) -> Iterator[Fault]:
    """Check that each has a database of its own: two instances in one would be one."""
    main = _below(_below(content, "postgres"), "external")
    taken = {_database(main): "`postgres`"} if main else {}
    for index, entry in listed:
        steps: Steps = ("deployments", index, "postgres", "external")
        own = _below(_below(entry, "postgres"), "external")
        if main and not own:
            fix = "Make a database and a role there, and name them; its password is in `password_secret`."
            yield Fault(steps, "nothing beside `postgres.external`", "a database of its own", fix)
        elif own and _database(own) in taken:
            found = f"the database of {taken[_database(own)]}"
            yield Fault(steps, found, "a database of its own", "Name another one.")
        if own:
            taken.setdefault(_database(own), f"`deployments[{index}]`")


def _database(external: Entry) -> tuple[str, str, str]:
    keys = (("host", ""), ("port", "5432"), ("database", "dagster"))
    host, port, name = (str(text_of(external.get(key)) or default) for key, default in keys)
    return host, port, name


def _unknown(locations: list[tuple[int, Entry]], names: list[str]) -> Iterator[Fault]:
    for index, entry in locations:
        asked = entry.get("deployment")
        if asked is None or str(text_of(asked)) in names:
            continue
        (near, *_) = [*difflib.get_close_matches(str(asked), names, n=1, cutoff=0.6), ""]
        fix = f"Did you mean `{near}`?" if near else "Add it to `deployments`."
        expected = f"one of {', '.join(f'`{shown(name)}`' for name in names)}"
        steps: Steps = ("code_locations", index, "deployment")
        yield Fault(steps, f"the deployment `{shown(str(asked))}`, which there is none of", expected, fix)


def _like_a_component(locations: list[tuple[int, Entry]], names: list[str]) -> Iterator[Fault]:
    """Find a location with the name of a deployment's webserver or daemon: logs and plans are by name."""
    taken = {component_of(kind, name): name for name in names for kind in KINDS}
    for index, entry in locations:
        name = str(text_of(entry.get("name")))
        if name in taken:
            found = f"`{shown(name)}`, which is a component of the deployment `{shown(taken[name])}`"
            yield Fault(("code_locations", index, "name"), found, "another name", "Rename one of them.")


def _passwords(
    content: Entry, listed: list[tuple[int, Entry]], locations: list[tuple[int, Entry]]
) -> Iterator[Fault]:
    """Find a location that is given the password of another deployment's database."""
    every = {MAIN: content, **{str(text_of(entry.get("name"))): entry for _, entry in listed}}
    secrets = {name: _password_secret(name, entry) for name, entry in every.items()}
    for index, entry in locations:
        pod, own = _below(entry, "pod"), str(text_of(entry.get("deployment") or MAIN))
        others = {secret: name for name, secret in secrets.items() if secret != secrets.get(own)}
        volumes = [one.get("secret") for _, one in _entries(pod, "volumes")]
        given = pod.get("environment_from_secrets")
        for key, named in (("volumes", volumes), ("environment_from_secrets", given)):
            for one in named if isinstance(named, list) else ():
                if (secret := str(text_of(one))) in others:
                    found = f"`{shown(secret)}`, the password of the deployment `{shown(others[secret])}`"
                    steps: Steps = ("code_locations", index, "pod", key)
                    fix = "Remove it: a location reaches the database of its own deployment."
                    yield Fault(steps, found, "Secrets of its own", fix)


def _password_secret(deployment: str, entry: Entry) -> str:
    named = text_of(_below(entry, "postgres").get("password_secret"))
    return str(named) if named else component_of("dagster-postgres", deployment)
