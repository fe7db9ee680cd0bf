"""How findings hang together: what each is the cause of, and what it follows from where that is found.

A cause is a label. A finding whose causes were not found stands for itself: nothing is explained by what was
not seen.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from playground_ops.core.component import component_of
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import MAIN

DEPLOY = "deploy"
"""A deploy that is under way."""
DATABASE, WEBSERVER, DAEMON, SUPERVISOR = "database", "webserver", "daemon", "supervisor"
"""Labels of the main deployment's; `core.component.component_of` makes those of others."""
_ROLE = "role/"
OF_THE_DATABASE = ("DagsterPostgresException", "The stack's own database")
"""Words of errors, and of a cause that is made from them (`diagnose.server_log`)."""
SHARED_PREFIXES = ("pod/", "deployment/", "statefulset/")
POLICY = "The admission policy holds `ops`"
"""The beginning of the cause of a refusal by the stack's own policy (`targets.kubernetes.api.refusals`)."""


class Seen(Finding):
    """A finding of a check."""

    explains: tuple[str, ...] = ()
    """What it is the cause of."""
    follows: tuple[str, ...] = ()
    """What it follows from where that is found too, the likeliest first."""
    urgent: bool = False
    """Whether it is a failure now, under a topic that is not urgent otherwise."""
    run_id: str | None = None
    """The Dagster run that it is about."""


def seen(
    finding: Finding, *, explains: Sequence[str] = (), follows: Sequence[str] = (), urgent: bool = False
) -> Seen:
    """Return the finding with what is known of its causes besides what it has already."""
    known = dict(finding)
    known["explains"] = (*known.get("explains", ()), *explains)
    known["follows"] = (*known.get("follows", ()), *follows)
    known["urgent"] = urgent or known.get("urgent", False)
    return Seen(**known)


def location(name: str) -> str:
    """Return the label of a location's server."""
    return f"location/{name}"


def role(name: str) -> str:
    """Return the label of a deployment's role in the stack's own Postgres."""
    return f"{_ROLE}{name}"


def is_role(object: str | None) -> bool:
    return object is not None and object.startswith(_ROLE)


def missing(component: str) -> str:
    """Return the label of an object of a component that is gone."""
    return f"missing/{component}"


def rollout(location: str) -> str:
    """Return the label of a location's last rollout."""
    return f"rollout/{location}"


def of_a_process(finding: Finding, deployment: str = MAIN) -> Seen:
    """Return why a process is not up: a node, a quota or a registry hits several, and a database all of its
    deployment.

    What is certain (a wrong image, a missing Secret) is the process's own, whatever else is found.
    """
    text = f"{finding.observed}\n{finding.cause}\n{finding.evidence}"
    needs = [component_of(DATABASE, deployment)] if any(words in text for words in OF_THE_DATABASE) else ()
    known = seen(finding, follows=needs)
    return shared(known) if _hits_several(finding) else known


def _hits_several(finding: Finding) -> bool:
    passing = finding.kind is not FindingKind.CERTAIN and finding.whose == "surroundings"
    return passing and finding.object.startswith(SHARED_PREFIXES) and "not a known one" not in finding.cause


def shared(finding: Finding, thing: str = "") -> Seen:
    """Return a finding that is one and the same wherever it is found: the first of them stands for all."""
    label = f"{thing}: {finding.cause}"
    return seen(finding, explains=[label], follows=[label])


def of_a_source(finding: Finding) -> Seen:
    """Return why a repository was not asked, or did not answer.

    A host that does not answer is one cause for all of its repositories, a repository one for all locations
    that come from it, and what keeps pods from starting one for all that are resolved in a pod.
    """
    if POLICY in finding.cause:
        return seen(shared(finding), follows=[DEPLOY])
    if _hits_several(finding):
        return shared(finding)
    kind, _, address = finding.object.partition("/")
    passing = finding.kind is not FindingKind.CERTAIN
    thing = _host(address) if kind == "repository" and passing else f"{finding.object} {finding.observed}"
    return shared(finding, thing)


def _host(url: str) -> str:
    """Return the host of a URL or of git's short form `host:path`; a path is its own host."""
    if "://" in url:
        return urlsplit(url).netloc.rpartition("@")[2]
    return url if url.startswith("/") else url.partition(":")[0].rpartition("@")[2]
