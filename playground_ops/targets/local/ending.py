"""The end of a local stack: every process is asked to finish, and waited for."""

from __future__ import annotations

import threading
from pathlib import Path

from playground_ops.targets.base import Say
from playground_ops.targets.local.control import Control
from playground_ops.targets.local.processes import names, read_state, runtime_folder
from playground_ops.targets.serverwire import NoAnswer, current_runs

TELL_SECONDS = 5.0


def shut_down(state: Path, say: Say, grace_seconds: float | None) -> None:
    """Return when the supervisor and all it watches are gone; meanwhile say what is waited for."""
    say("asking every process to finish and end")
    asked = threading.Thread(target=Control(state).shutdown, args=(grace_seconds,), daemon=True)
    asked.start()
    told = ""
    while asked.is_alive():
        asked.join(TELL_SECONDS)
        waiting = ", ".join(_waited_for(state)) if asked.is_alive() else ""
        if waiting and waiting != told:
            say(f"waiting for {waiting}; `down --now` ends them at once")
            told = waiting


def _waited_for(state: Path) -> list[str]:
    running = [name for name in names(state) if (found := read_state(state, name)) and found.running]
    return [f"{name}{_runs_of(state, name)}" for name in running]


def _runs_of(state: Path, name: str) -> str:
    try:
        runs = current_runs(f"unix:{runtime_folder(state) / name}.sock")
    except NoAnswer:
        return ""  # no code server, or one that no longer answers
    return f" (runs in flight: {', '.join(run[:8] for run in runs)})" if runs else ""
