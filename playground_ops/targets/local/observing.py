"""Looking at one release's server, and waiting for something about it to change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from playground_ops.diagnose import explain_exit
from playground_ops.model import Observation, Release, ServerStatus
from playground_ops.targets.serverwire import connected, is_serving

if TYPE_CHECKING:
    from playground_ops.targets.local.components import LocalStack


def observe(stack: LocalStack, release: Release, log_tail: str) -> Observation:
    process = stack.process(release.name)
    if process is None:
        finding = explain_exit(f"release/{release.name}", "its process is not there", "")
        return Observation(status=ServerStatus.FAILED, message="no process", finding=finding)
    if not process.running and process.restart == "never":
        finding = explain_exit(f"release/{release.name}", process.exit_text, log_tail)
        return Observation(status=ServerStatus.FAILED, message=process.exit_text, finding=finding)
    if process.running and is_serving(f"unix:{stack.addresses.own(release)}"):
        return Observation(status=ServerStatus.READY, message="the server answers")
    message = f"the server (pid {process.pid}) to import its definitions and answer"
    return Observation(status=ServerStatus.STARTING, message=message)


def wait(stack: LocalStack, release: Release, seconds: float) -> None:
    """Return when the process starts, ends or begins to answer, or after `seconds`.

    A server that answers already can only end: then only that is waited for.
    """
    address = f"unix:{stack.addresses.own(release)}"
    if is_serving(address):
        stack.wait_for_process(release.name, seconds)
        return
    changed = threading.Event()

    def watch_the_process() -> None:
        stack.wait_for_process(release.name, seconds)
        changed.set()

    threading.Thread(target=watch_the_process, daemon=True).start()
    with connected(address, changed):
        changed.wait(seconds)
