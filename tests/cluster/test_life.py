"""Up, down, killed on the way: nothing is left behind, and the machine's settings are as before.

It uses a second instance of the cluster, so that the one which the other tests use goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.asking import eventually
from tests.cluster.places import HERE
from tests.session import needs

SEED = int(os.environ["PLAYGROUND_SEED"])
pytestmark = pytest.mark.cluster
NUMBER = 1
ROOT = HERE.parents[1]
ENVIRON = {**os.environ, "PLAYGROUND_CLUSTER": str(NUMBER)}
SMALL = "from tests.cluster.cluster import Cluster; c = Cluster.here(['pause']); "
SESSION = """
import time
from tests.cluster import sessions
sessions.join(sessions.this_session(), ["pause"])
print("up", flush=True)
time.sleep(600)
"""
PROGRAMS = SMALL + (
    "print(*sorted(f'{machine.name} {name} {one.pid}' for machine in c.machines.values() "
    "for name, one in machine.programs().items()), sep='\\n')"
)
LOOK = "import json; from tests.cluster import leftovers as l; print(json.dumps(l.of_this_instance()))"
SETTINGS = "from tests.cluster import leftovers as l; print(*sorted(l.machine()['settings']), sep='\\n')"


@pytest.fixture(autouse=True)
def gone() -> Iterator[None]:
    if needs.lacking(needs.CLUSTER):
        needs.refuse(needs.CLUSTER)
    yield
    python(SMALL + "c.down()")


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRON, cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def left() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(python(LOOK))
    return {kind: names for kind, names in found.items() if names}


def test_it_comes_up_once_and_goes_without_a_trace() -> None:
    settings = python(SETTINGS)
    assert left() == {}
    python(SMALL + "c.up(print)")
    assert set(left()) == {"processes", "control groups", "links", "routes", "files"}
    started = python(PROGRAMS)
    assert "kubelet" in started
    python(SMALL + "c.up(print)")
    assert python(PROGRAMS) == started
    python(SMALL + "c.down(); c.down()")
    assert left() == {}
    assert python(SETTINGS) == settings


@pytest.mark.soak
def test_a_second_node_goes_with_it() -> None:
    python(SMALL + "c.up(print); c.add_second_node(print); c.down()")
    assert left() == {}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_killed_start_is_cleared_away_by_the_next() -> None:
    draw = random.Random(SEED)
    for _ in range(3):
        seconds = draw.uniform(0.3, 2.5)
        process = subprocess.Popen(
            [sys.executable, "-c", SMALL + "c.up(print)"], env=ENVIRON, cwd=ROOT, stdout=subprocess.DEVNULL
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.wait()
        python(SMALL + "c.up(print); assert c.is_up()")
        python(SMALL + "c.down()")
        assert left() == {}, f"killed after {seconds:.2f} s, seed {SEED}"


@pytest.mark.soak
def test_it_ends_with_a_session_that_was_killed() -> None:
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION], env=ENVIRON, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout is not None
    assert session.stdout.readline() == "up\n"
    assert "files" in left()
    session.send_signal(signal.SIGKILL)
    session.wait()
    eventually("nothing to be left", lambda: left() == {}, every_seconds=0.3)
