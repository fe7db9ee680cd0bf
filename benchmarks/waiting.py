"""What a person waits for in a redeploy, by that person's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure
from tests.kubernetes.stacks import ClusterStack


@dataclass(frozen=True)
class Waited:
    """The seconds that a person waited for one redeploy."""

    shown: float
    """From the command until the UI shows it."""
    told: float
    """From the command until it says that it serves."""
    end: float
    """From that until the command ends, without the watch itself."""


def figures_of(way: str, waits: Sequence[Waited], bare: Sequence[float]) -> Iterator[Figure]:
    began = "the click" if way == "from the UI" else "the command"
    more = [one.told - pod for one, pod in zip(waits, bare, strict=True)]
    yield Figure(f"redeploy {way}, from {began} until the UI shows it", [one.shown for one in waits])
    yield Figure(
        f"redeploy {way}, from {began} until one is told that it serves", [one.told for one in waits]
    )
    if way != "from the UI":
        yield Figure("... on top of the bare pod", more, bound=3)
        yield Figure("... on top of the bare pod", more, bound=5, judged="p95")
        yield Figure(
            "... from that until the command ends, its watch left out", [one.end for one in waits], bound=2
        )


def of_a_command(stack: ClusterStack, *arguments: str) -> tuple[float, float]:
    """Run a command. Returns when its first line of output said that something serves, and when it ended."""
    process = stack.start(*arguments)
    assert process.stdout is not None and process.stderr is not None
    drained = threading.Thread(target=process.stderr.read)
    drained.start()
    told = 0.0
    for line in process.stdout:
        told = told or (time.time() if " serves " in line else 0.0)
    code, ended = process.wait(), time.time()
    drained.join()
    if code or not told:
        raise AssertionError(f"{arguments} ended with {code}")
    return told, ended
