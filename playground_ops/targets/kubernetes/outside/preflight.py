"""Checks what must hold before anything is written to a cluster, and reports all faults at once."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.render.names import MANAGER, OF_NAMESPACE
from playground_ops.targets.kubernetes.api.connection import AT_ONCE, Connection
from playground_ops.targets.kubernetes.api.paths import PLURALS, path, path_of, title
from playground_ops.targets.kubernetes.api.refusals import Refusal
from playground_ops.targets.kubernetes.objects.database_role import is_due
from playground_ops.targets.kubernetes.objects.references import Reference, object_of, references
from playground_ops.targets.kubernetes.outside import program_versions
from playground_ops.targets.kubernetes.outside.deployment_databases import is_any_due

OLDEST = (1, 30)
"""The first with ValidatingAdmissionPolicy v1 and an exec that can close its input (`v5.channel.k8s.io`)."""
NEWEST = (1, 37)
"""The last one by whose schemas tests check objects. Later ones are accepted: all used APIs are stable."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
HERE = re.compile(r"^(/|~|\.|file:)")
BY = "app.kubernetes.io/managed-by"


def check(connection: Connection, configuration: Configuration, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Raises PlaygroundError with everything that prevents the objects. Writes nothing."""
    checks: Sequence[Callable[[], Iterable[Finding]]] = (
        lambda: of_version(connection.get("/version") or {}, connection.name),
        lambda: _rights(connection, configuration, wanted),
        lambda: _commands(connection, configuration),
        lambda: _storage(connection, configuration),
        lambda: _strangers(connection, configuration, wanted),
        lambda: _references(connection, configuration),
        lambda: _locations(configuration),
        lambda: program_versions.check(connection, configuration),
    )
    connection.get("/version")  # that nobody answers is one finding, not seven
    with ThreadPoolExecutor(AT_ONCE) as pool:
        findings = [found for several in pool.map(lambda run: list(run()), checks) for found in several]
    if findings:
        raise PlaygroundError(*findings)


def of_version(told: Mapping[str, Any], context: str) -> list[Finding]:
    """Check the answer of `/version`; providers write minors such as `30+`."""
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
    """Check the rights for every rendered kind by SelfSubjectAccessReview, in each namespace.

    Cluster-wide kinds are checked with the stack's own namespace, except Namespace, checked with each.
    """
    home, names = configuration.kubernetes.namespace, configuration.namespaces
    return [found for name in names for found in _rights_in(connection, home, name, wanted)]


def _rights_in(
    connection: Connection, home: str, namespace: str, wanted: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
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
        return None if _may(connection, **resource, **place) else f"{verb} {PLURALS[kind]}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        missing = [found for found in pool.map(refused, asked) if found]
    there = connection.get(path_of("v1", "Namespace", namespace, "")) if missing else None
    missing = [wish for wish in missing if not (there and wish == "create namespaces")]
    if missing:
        yield _finding(
            f"context/{connection.name}",
            f"In namespace {namespace} there is no right to {', '.join(missing)}.",
            "A stack's foundation and components are applied with the rights of whoever deploys.",
            "Ask for these rights, or use a context that has them.",
        )


def _may(connection: Connection, **attributes: str) -> bool:
    """Ask by a SelfSubjectAccessReview. `attributes`: its resourceAttributes."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = connection.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(answer["status"].get("allowed"))


def _commands(connection: Connection, configuration: Configuration) -> Iterator[Finding]:
    """Check the right to commands in pods where something within Postgres is to be made or changed."""
    role, database = is_due(connection, configuration), is_any_due(connection, configuration)
    namespace = configuration.kubernetes.namespace
    asked = {"namespace": namespace, "resource": "pods", "subresource": "exec", "verb": "create"}
    if (role or database) and not _may(connection, **asked):
        yield _finding(
            f"context/{connection.name}",
            f"In namespace {namespace} there is no right to create pods/exec.",
            "Dagster's role in Postgres is not to stay the superuser that the image makes it, and that is "
            "changed by a command in the pod."
            if role
            else "A deployment's database is made in Postgres by a command in the pod.",
            "Ask for this right, or use a context that has it.",
        )


def _storage(connection: Connection, configuration: Configuration) -> Iterator[Finding]:
    named = configuration.kubernetes.storage_class
    try:
        classes = connection.request("GET", "/apis/storage.k8s.io/v1/storageclasses")["items"]
    except Refusal:
        return  # who may not list classes may use them all the same
    names = [found["metadata"]["name"] for found in classes]
    known = f"The cluster has: {', '.join(names)}." if names else "The cluster has none."
    if named is not None and named not in names:
        yield _finding(
            f"storageclass/{named}", "It is not there.", known, "Correct `kubernetes: storage_class:`."
        )
    default = [
        one for one in classes if (one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if named is None and not default:
        fix = "Name one as `kubernetes: storage_class:`, or mark one as the default."
        yield _finding("storageclass", "The cluster has no default one.", known, fix)


def _strangers(
    connection: Connection, configuration: Configuration, wanted: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Find objects with our names that somebody else made: they are not touched."""
    named = [one for one in wanted if one["kind"] not in ("Namespace", "PersistentVolumeClaim")]

    def taken_title(one: Mapping[str, Any]) -> str | None:
        found: Any = connection.get(path(one))
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        return title(one) if found is not None and labels.get(BY) != MANAGER else None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = [found for found in pool.map(taken_title, named) if found]
    yield from _others_namespaces(connection, configuration)
    for what in taken:
        yield _finding(
            what,
            "It is there already, and is not this stack's.",
            "An older stack, the Helm chart's or one applied by hand, has the same names.",
            "Delete it, or deploy to another namespace (`kubernetes: namespace:`).",
        )


def _others_namespaces(connection: Connection, configuration: Configuration) -> Iterator[Finding]:
    """Find isolated locations' namespaces that are somebody else's: ours get network policies and quotas."""
    home, *names = configuration.namespaces
    for name in names:
        found = connection.get(path_of("v1", "Namespace", name, ""))
        if found and (found["metadata"].get("labels") or {}).get(OF_NAMESPACE) != home:
            yield _finding(
                f"namespace/{name}",
                "It is there already, and is not this stack's.",
                "What is in it would be cut off from the network and limited like the location.",
                "Name another one by `isolation: {namespace: ...}`; or, if it was made for this, say so: "
                f"`kubectl label namespace {name} {OF_NAMESPACE}={home}`.",
            )


def _references(connection: Connection, configuration: Configuration) -> Iterator[Finding]:
    """Find missing objects without which pods can't start."""
    wanted: dict[tuple[str, str, str], list[Reference]] = {}
    for one in references(configuration):
        wanted.setdefault((one.namespace, one.kind, one.name), []).append(one)
    for several in wanted.values():
        found = object_of(several[0], configuration)
        if connection.metadata(path(found)) is None:
            purposes = " and ".join(dict.fromkeys(one.purpose for one in several))
            cause, fix = f"The configuration names it for {purposes}.", "Make it, or correct the name."
            yield _finding(title(found), "It is not there.", cause, fix)


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
