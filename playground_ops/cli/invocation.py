"""How this process was started, as the words by which the same shell starts it again in the same folder.

`uv run`, `uvx`, a script and `python -m` need different words, and a person can paste only their own. What
else runs this code (a test, a program that imports it) gets the neutral form.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playground_ops.core.commands import NEUTRAL, PACKAGE, SCRIPT

MODULES = (PACKAGE, f"{PACKAGE}.bootstrap")
"""What is run by `python -m`; a command of the first does what the second does."""
DEPTH = "UV_RUN_RECURSION_DEPTH"
"""`uv run` sets it for what it starts, and `uvx` does not."""
Which = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Started:
    """What a process knows of its start."""

    arguments: Sequence[str]
    """Python's `sys.argv`."""
    words: Sequence[str]
    """Python's `sys.orig_argv`: with the interpreter and its options."""
    executable: str
    environ: Mapping[str, str]
    parent: Sequence[str] | None
    """The command line of the process that started it; None where it can't be read."""


def program(started: Started, which: Which) -> str:
    """Return the words before a command, quoted for a shell."""
    module = _module(started)
    if module is None and Path(started.arguments[0]).name != SCRIPT:
        return NEUTRAL
    by_uv = _by_uv(started, module, which)
    if by_uv is not None:
        return shlex.join(by_uv)
    if module is None:
        return SCRIPT if _is(which(SCRIPT), started.arguments[0]) else shlex.quote(started.arguments[0])
    return shlex.join([_interpreter(started, which), *module])


def program_in_a_new_folder(started: Started, which: Which) -> str:
    """Return the words for a folder that `init` has made: uv finds there which version is pinned."""
    words = shlex.split(program(started, which))
    if Path(words[0]).name in ("uv", "uvx"):
        return shlex.join([words[0].removesuffix("x"), "run", SCRIPT])
    if os.sep in words[0]:
        words[0] = str(Path(words[0]).absolute())
    return shlex.join(words)


def _module(started: Started) -> list[str] | None:
    """Return the options of `python -m` as they were given; None for what is no module of this project."""
    before = started.words[: len(started.words) - len(started.arguments[1:])]
    if len(before) > 2 and before[-2] == "-m" and before[-1] in MODULES:
        return [*before[1:-1], PACKAGE]
    return None


def _by_uv(started: Started, module: list[str] | None, which: Which) -> list[str] | None:
    """Return the words if uv started the process; its own, where they can be seen."""
    plain = [*(["python", "-m", PACKAGE] if module else [SCRIPT])]
    if started.parent is None:
        if DEPTH in started.environ:
            return ["uv", "run", *plain]
        return ["uvx", SCRIPT] if "UV" in started.environ and module is None else None
    runner = Path(started.parent[0]).name if started.parent else ""
    if runner not in ("uv", "uvx"):
        return None
    given = started.arguments[1:]
    before = list(started.parent[1 : len(started.parent) - len(given)])
    if before[:2] == ["tool", "uvx"]:  # which is what `uvx` becomes
        runner, before = "uvx", before[2:]
    first = [runner] if which(runner) else [str(Path(started.parent[0]).with_name(runner))]
    if list(started.parent[len(started.parent) - len(given) :]) == list(given) and _is_ours(before):
        return [*first, *before[:-1], PACKAGE if before[-1] in MODULES else before[-1]]
    return [*first, *plain] if runner == "uvx" else [*first, "run", *plain]


def _is_ours(words: Sequence[str]) -> bool:
    """Return whether they end with what this is started by, and hold nothing that nobody should read."""
    last = words[-1] if words else ""
    named = last in MODULES or Path(last.partition("@")[0].partition("[")[0]).name == SCRIPT
    return named and not any("://" in word and "@" in word for word in words)


def _interpreter(started: Started, which: Which) -> str:
    """Return the shortest word that leads to this interpreter in its environment."""
    typed = started.words[0]
    for word in dict.fromkeys([typed, "python", "python3"]):
        if os.sep not in word and _is(which(word), started.executable):
            return word
    if os.sep in typed and _is(typed, started.executable):
        return typed
    below = os.path.relpath(started.executable)
    return started.executable if below.startswith(os.pardir) else below


def _is(found: str | None, wanted: str) -> bool:
    """Return whether both are one file of one folder: an environment is where its interpreter lies."""
    if found is None or not Path(found).exists():
        return False
    return Path(found).parent.resolve() == Path(wanted).parent.resolve() and Path(found).samefile(wanted)


@cache
def this_program() -> str:
    """Return the words before a command for whoever started this process."""
    return program(_this(), shutil.which)


def this_program_in_a_new_folder() -> str:
    return program_in_a_new_folder(_this(), shutil.which)


def _this() -> Started:
    return Started(sys.argv, sys.orig_argv, sys.executable, os.environ, _parent())


def _parent() -> list[str] | None:
    try:
        shown = Path(f"/proc/{os.getppid()}/cmdline").read_text(errors="surrogateescape")
        return shown.removesuffix("\0").split("\0")
    except OSError:
        return _asked_parent() if "UV" in os.environ or DEPTH in os.environ else []


def _asked_parent() -> list[str] | None:
    """Return what `ps` says, where there is no /proc; words with a space in them are torn."""
    import subprocess

    try:
        asked = ["ps", "-ww", "-o", "args=", "-p", str(os.getppid())]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=2, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return told.split() or None
