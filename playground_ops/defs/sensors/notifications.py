"""Notifies people outside of changes. What a webhook received is stored in Dagster's instance afterwards."""

import os
import socket
from datetime import datetime, timezone

import dagster as dg

from playground_ops.checks.folding import Folded
from playground_ops.config.configuration import Webhook
from playground_ops.context import StackContext
from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.engine.health.examine import parts_of
from playground_ops.engine.health.notice import Notified, Sender, body, change, send

PREFIX = "playground_ops/told/"


def notify(instance: dg.DagsterInstance, opened: StackContext, found: Folded) -> list[str]:
    """Notify each webhook of changes since its last notice. Returns a sentence for each that failed."""
    failed = []
    for webhook in opened.configuration.health.tell:
        try:
            _notify(instance, webhook, opened, found)
        except PlaygroundError as error:
            failed.append(error.finding.sentence())
    return failed


def _notify(instance: dg.DagsterInstance, webhook: Webhook, opened: StackContext, found: Folded) -> None:
    key = f"{PREFIX}{webhook.variable}"
    kept = instance.daemon_cursor_storage.get_cursor_values({key}).get(key)
    before = Notified.model_validate_json(kept) if kept else Notified()
    components = parts_of(opened.configuration, opened.target.name == "kubernetes")
    now = datetime.now(timezone.utc)
    notice, after = change(before, found, Sender(_name(opened), _ui(opened)), now, components)
    if notice is None:
        return
    url = os.environ.get(webhook.variable)
    if not url:
        raise PlaygroundError(_no_url(webhook.variable))
    send(webhook.variable, url, body(notice, webhook.form))
    instance.daemon_cursor_storage.set_cursor_values({key: after.model_dump_json()})


def _ui(opened: StackContext) -> str | None:
    """Return None where the address can't be had just now; the notice is sent all the same."""
    try:
        return opened.target.stack.ui_address()
    except PlaygroundError:
        return None


def _name(opened: StackContext) -> str:
    """Return which stack it is, for people who have several."""
    if opened.target.name == "kubernetes":
        return f"Dagster in namespace {opened.configuration.kubernetes.namespace}"
    return f"Dagster on {socket.gethostname()}"


def _no_url(variable: str) -> Finding:
    return certain(
        object=f"webhook/{variable}",
        observed=f"There is no variable {variable}, so nobody was told.",
        cause="`health: tell:` names it, and the environment of `ops` does not have it.",
        fix="On Kubernetes name its Secret in `kubernetes: ops: environment_from_secrets`; locally export it "
        "before the stack is started.",
        whose="surroundings",
    )
