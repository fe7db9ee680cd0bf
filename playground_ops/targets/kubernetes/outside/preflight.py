"""What has to hold before anything is written to a cluster: looked at all at once, told all at once."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.render.names import MANAGER, OF_NAMESPACE, an_object
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import PLURALS, path, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.references import object_of, references

OLDEST = (1, 30)
"""The first with all that is used: ValidatingAdmissionPolicy as v1, and commands in pods whose input can be
ended (`v5.channel.k8s.io`)."""
NEWEST = (1, 37)
"""The last whose schemas every object is checked by. A later one is not refused: what is used is stable."""


DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
HERE = re.compile(r"^(/|~|\.|file:)")
BY = "app.kubernetes.io/managed-by"


def check(connection: Connection, configuration: Configuration, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Raises PlaygroundError with everything that stands in the way of the objects. Writes nothing."""
    looks: Sequence[Callable[[], Sequence[Finding]]] = (
        lambda: of_version(connection.get("/version") or {}, connection.name),
        lambda: _rights(connection, configuration, wanted),
        lambda: _storage(connection, configuration),
        lambda: _strangers(connection, configuration, wanted),
        lambda: _named(connection, configuration),
        lambda: list(_locations(configuration)),
    )
    connection.get("/version")  # that nobody answers is one finding, not six
    with ThreadPoolExecutor(AT_ONCE) as pool:
        findings = [found for several in pool.map(lambda look: look(), looks) for found in several]
    if findings:
        raise PlaygroundError(*findings)


def of_version(told: Mapping[str, Any], context: str) -> list[Finding]:
    """`told` as `/version` answers; providers write minors such as `30+`."""
    numbers = re.findall(r"\d+", f"{told.get('major')}.{told.get('minor')}")
    if tuple(int(number) for number in numbers[:2]) >= OLDEST:
        return []
    return [
        _finding(
            f"context/{context}",
            f"It runs Kubernetes {told.get('gitVersion')}.",
            f"This needs {OLDEST[0]}.{OLDEST[1]} or later.",
            "Upgrade the cluster, or name another context.",
        )
    ]


def _rights(
    connection: Connection, configuration: Configuration, wanted: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Asked for every kind that is rendered, by SelfSubjectAccessReview.

    What is cluster-wide is asked for with the stack's own namespace, and each namespace by itself.
    """
    home, found = configuration.kubernetes.namespace, []
    for namespace in configuration.namespaces:
        found += _rights_in(connection, home, namespace, wanted)
    return found


def _rights_in(
    connection: Connection, home: str, namespace: str, wanted: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    kinds = {
        (one["apiVersion"], one["kind"])
        for one in wanted
        if one["kind"] == "Namespace" or one["metadata"].get("namespace", home) == namespace
    }
    kinds |= {("v1", "Secret")} if namespace != home else {("batch/v1", "Job"), ("v1", "Secret")}
    asked = [(api, kind, verb) for api, kind in sorted(kinds) for verb in ("create", "patch")]

    def refused(wish: tuple[str, str, str]) -> str | None:
        api, kind, verb = wish
        resource = {"group": api.rpartition("/")[0], "resource": PLURALS[kind], "verb": verb}
        place = {} if kind == "Namespace" else {"namespace": namespace}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**resource, **place}},
        }
        answer = connection.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return None if answer["status"].get("allowed") else f"{verb} {PLURALS[kind]}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        missing = [found for found in pool.map(refused, asked) if found]
    there = connection.get(path(an_object("v1", "Namespace", namespace, "", {}))) if missing else None
    missing = [wish for wish in missing if not (there and wish == "create namespaces")]
    if not missing:
        return []
    return [
        _finding(
            f"context/{connection.name}",
            f"In namespace {namespace} there is no right to {', '.join(missing)}.",
            "A stack's foundation and components are applied with the rights of whoever deploys.",
            "Ask for these rights, or use a context that has them.",
        )
    ]


def _storage(connection: Connection, configuration: Configuration) -> list[Finding]:
    named = configuration.kubernetes.storage_class
    try:
        classes = connection.request("GET", "/apis/storage.k8s.io/v1/storageclasses")["items"]
    except Refusal:
        return []  # who may not look at classes may use them all the same
    names = [found["metadata"]["name"] for found in classes]
    known = f"The cluster has: {', '.join(names)}." if names else "The cluster has none."
    if named is not None and named not in names:
        return [
            _finding(
                f"storageclass/{named}", "It is not there.", known, "Correct `kubernetes: storage_class:`."
            )
        ]
    default = [
        one for one in classes if (one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if named is None and not default:
        return [
            _finding(
                "storageclass",
                "The cluster has no default one.",
                known,
                "Name one as `kubernetes: storage_class:`, or mark one as the default.",
            )
        ]
    return []


def _strangers(
    connection: Connection, configuration: Configuration, wanted: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Objects that have the names of ours and were not made by this: nothing of theirs is touched."""
    named = [one for one in wanted if one["kind"] not in ("Namespace", "PersistentVolumeClaim")]

    def look(one: Mapping[str, Any]) -> str | None:
        found: Any = connection.get(path(one))
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        return title(one) if found is not None and labels.get(BY) != MANAGER else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = [found for found in pool.map(look, named) if found]
    return [*_others_namespaces(connection, configuration), *(_taken(what) for what in taken)]


def _others_namespaces(connection: Connection, configuration: Configuration) -> Iterator[Finding]:
    """An isolated location's namespace is closed and limited: not one in which somebody else's things are."""
    home, *names = configuration.namespaces
    for name in names:
        found = connection.get(path(an_object("v1", "Namespace", name, "", {})))
        if found and (found["metadata"].get("labels") or {}).get(OF_NAMESPACE) != home:
            yield _finding(
                f"namespace/{name}",
                "It is there already, and is not this stack's.",
                "What is in it would be cut off from the network and limited like the location.",
                "Name another one by `isolation: {namespace: ...}`; or, if it was made for this, say so: "
                f"`kubectl label namespace {name} {OF_NAMESPACE}={home}`.",
            )


def _taken(what: str) -> Finding:
    return _finding(
        what,
        "It is there already, and is not this stack's.",
        "An older stack, the Helm chart's or one applied by hand, has the same names.",
        "Delete it, or deploy to another namespace (`kubernetes: namespace:`).",
    )


def _named(connection: Connection, configuration: Configuration) -> list[Finding]:
    """What pods can't start without; the database's password is made when no Secret is named for it."""
    wanted = {(one.namespace, one.kind, one.name): one for one in references(configuration)}
    missing = []
    for one in wanted.values():
        found = object_of(one, configuration)
        if connection.metadata(path(found)) is None:
            cause, fix = f"The configuration names it for {one.purpose}.", "Make it, or correct the name."
            missing.append(_finding(title(found), "It is not there.", cause, fix))
    return missing


def _locations(configuration: Configuration) -> Iterator[Finding]:
    for location in configuration.all_locations:
        what = f"location/{location.name}"
        if location.repository is not None and HERE.match(location.repository):
            yield _finding(
                what,
                f"Its repository is {location.repository}, a path of this machine.",
                "Pods of a cluster can't reach it.",
                "Give a URL that they reach.",
            )


def _finding(what: str, observed: str, cause: str, fix: str) -> Finding:
    return certain(object=what, observed=observed, cause=cause, fix=fix)
