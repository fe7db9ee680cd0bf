"""Explains the API server's refusals, and why it does not answer."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from playground_ops.checks.causes import POLICY
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError, certain, transient
from playground_ops.core.redact import redact
from playground_ops.render.names import OPS_ACCOUNT
from playground_ops.targets.kubernetes.api.paths import PLURALS

_KINDS = {plural: kind.lower() for kind, plural in PLURALS.items()}


class Refusal(PlaygroundError):
    """The API server refused a request (meta/v1 Status)."""

    def __init__(
        self, what: str, code: int, reason: str, message: str, causes: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.code, self.reason, self.message, self.causes = code, reason, message, tuple(causes)
        super().__init__(_finding(what, code, reason, message))


def refusal(path: str, body: object, code: int, answer: object) -> Refusal:
    """Make the error for an answer, which is a string where it could not be decoded."""
    what = title_of(path, body)
    if not isinstance(answer, dict):
        return Refusal(what, code, "", redact(str(answer))[:1000])
    details = answer.get("details") or {}
    message = redact(str(answer.get("message", "")))
    return Refusal(what, code, str(answer.get("reason", "")), message, tuple(details.get("causes") or ()))


def title_of(path: str, body: object = None) -> str:
    """Return `kind/name` as kubectl does; the kind alone for a request for all of them."""
    parts = [unquote(part) for part in path.split("?", maxsplit=1)[0].split("/")]
    at = max((index for index, part in enumerate(parts) if part in _KINDS), default=None)
    if at is None:
        return path
    name = "/".join(parts[at + 1 :])
    if not name and isinstance(body, dict):
        name = str(body.get("metadata", {}).get("name", ""))
    return f"{_KINDS[parts[at]]}/{name}".rstrip("/")


def _finding(what: str, code: int, reason: str, message: str) -> Finding:
    """Explain who lacks which right, or what is wrong with the object."""
    kind, cause, fix = FindingKind.CERTAIN, "The API server refuses the object.", "Change what it names."
    if "exceeded quota" in message:
        kind, cause = FindingKind.CAPACITY, "The namespace's quota leaves no room for it."
        fix = "Raise the quota, or remove what is not needed."
    elif f"{OPS_ACCOUNT} may not" in message:
        cause = f"{POLICY} to what a person's last deploy had configured."
        fix = "Run `python -m playground_ops deploy` from the stack's folder."
    elif f':{OPS_ACCOUNT}" cannot' in message:
        cause = "`ops` has not the rights that a bootstrap gives it: its Role or RoleBinding was changed."
        fix = "Run `python -m playground_ops.bootstrap` from the stack's folder."
    elif "being terminated" in message:
        kind, cause = FindingKind.TRANSIENT, "Its namespace is being deleted, which waits for pods to end."
        fix = "Try again when it is gone: `kubectl get namespace` shows it, `kubectl get pods` what holds it."
    elif code in (401, 403) and reason in ("Unauthorized", "Forbidden"):
        cause = "Whoever this is in the cluster has no right to do this, or a policy forbids it."
        fix = "Ask for the right that it names, or use a context that has it."
    elif code == 404:
        cause = "The cluster has no such object, or no such kind of object."
        fix = "Bootstrap makes what is missing."
    elif code == 409:
        kind, cause = FindingKind.TRANSIENT, "Somebody else changed or made it at the same moment."
        fix = "Try again."
    elif code == 429 or code >= 500:
        kind, cause = FindingKind.TRANSIENT, "The API server, or a webhook that it asks, is not well."
        fix = "Try again; `kubectl get --raw /readyz?verbose` tells more."
    return Finding(
        kind=kind,
        object=what,
        observed=f"Refused with {code}: {message.rstrip('.')}.",
        cause=cause,
        fix=fix,
        whose="surroundings",
    )


def nobody_answers(name: str, server: str, error: Exception) -> Finding:
    return transient(
        object=f"context/{name}",
        observed=f"No answer from the API server at {server}: {redact(str(error))[:300]}.",
        cause="It is down, or it can't be reached from here: network, VPN, proxy, or an address that is old.",
        fix=f"Try `kubectl --context {name} version`.",
    )


def no_context(known: list[str]) -> Finding:
    listed = f"The kubeconfig has: {', '.join(known)}." if known else "The kubeconfig has none."
    return certain(
        object="option/--context",
        observed="No context is named.",
        cause=f"A cluster is never guessed from the kubeconfig's current context. {listed}",
        fix="Name one by --context NAME, or as `kubernetes: context:` in the configuration.",
    )


def no_such_context(name: str, said: str, known: list[str]) -> Finding:
    return certain(
        object=f"context/{name}",
        observed=f"It can't be used: {redact(said)[:300]}",
        cause=f"The kubeconfig has: {', '.join(known)}." if known else "The kubeconfig has no contexts.",
        fix="Name one of these, or set KUBECONFIG to the file that has it.",
    )
