"""Why a cluster can't be asked anything, as findings."""

from __future__ import annotations

from playground_ops.errors import Finding, FindingKind
from playground_ops.redact import redact


def nobody_answers(name: str, server: str, error: Exception) -> Finding:
    return Finding(
        kind=FindingKind.TRANSIENT,
        object=f"context/{name}",
        observed=f"No answer from the API server at {server}: {redact(str(error))[:300]}.",
        cause="It is down, or it can't be reached from here: network, VPN, proxy, or an address that is old.",
        fix=f"Try `kubectl --context {name} version`.",
    )


def no_context(known: list[str]) -> Finding:
    listed = f"The kubeconfig has: {', '.join(known)}." if known else "The kubeconfig has none."
    return Finding(
        kind=FindingKind.CERTAIN,
        object="option/--context",
        observed="No context is named.",
        cause=f"A cluster is never guessed from the kubeconfig's current context. {listed}",
        fix="Name one by --context NAME, or as `kubernetes: context:` in the configuration.",
    )


def no_such_context(name: str, said: str, known: list[str]) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"context/{name}",
        observed=f"It can't be used: {redact(said)[:300]}",
        cause=f"The kubeconfig has: {', '.join(known)}." if known else "The kubeconfig has no contexts.",
        fix="Name one of these, or set KUBECONFIG to the file that has it.",
    )
