"""A rollout that stops at a chosen step until it may go on: `python -m tests.kubernetes.stepping`.

It runs on this machine, from where the tests' cluster's pods can be reached, and reports on standard output:
`at VERB` where it stops, and at the end the rollout's outcome. A line on standard input lets it go on. A step
is a method of the Target that has an effect (tests/kills.py).
"""

from __future__ import annotations

import argparse
import datetime as clocks
import json
import sys
from pathlib import Path

from playground_ops.config import read
from playground_ops.core import clock
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine, Request, Timeouts
from playground_ops.engine.rollback import roll_back
from playground_ops.engine.rollout import roll_out
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.targets.kubernetes.api import connection as connections
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.target import KubernetesTarget
from tests import kills
from tests.stacks import ROOT

TIMEOUTS = Timeouts(transient=60.0, capacity=120.0, confirm=90.0, watch=1.0)


def stop(verb: str) -> None:
    print(f"at {verb}", flush=True)
    sys.stdin.readline()


def skew(seconds: float) -> None:
    """Set this process's clock ahead by so much, but not the API server's."""

    class Skewed(clocks.datetime):
        @classmethod
        def now(cls, tz: clocks.tzinfo | None = None) -> Skewed:
            return super().now(tz) + clocks.timedelta(seconds=seconds)

    connections.datetime = Skewed  # type: ignore[attr-defined]
    clock.datetime = Skewed  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--context")
    parser.add_argument("--configuration", type=Path)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--by", default="a test")
    parser.add_argument("--ref")
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--when", default="before")
    parser.add_argument("--skew", type=float, default=0.0)
    parser.add_argument("--rollback", action="store_true")
    given = parser.parse_args()
    skew(given.skew)
    kills._die = stop
    configuration = with_fingerprints(read(given.configuration.read_text(), given.configuration))
    inner = KubernetesTarget(Connection(given.context), configuration, ROOT, home=given.home)
    target = kills.Killing(inner, given.at, given.when)
    engine = Engine(target, SilentProgress(), clock.SystemClock(), TIMEOUTS)  # type: ignore[arg-type]
    (location,) = [one for one in configuration.locations if one.name == "a"]
    request = Request(location=location, configuration="c", by=given.by, ref=given.ref)
    try:
        done = roll_back(engine, request, None) if given.rollback else roll_out(engine, request)
        print(json.dumps({"outcome": done.outcome, "steps": kills.Killing.steps}), flush=True)
    except PlaygroundError as error:
        told = {"outcome": "failed", "kind": error.finding.kind, "said": error.finding.sentence()}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
