"""What code of a location tries against others, from its own server: it reaches none of theirs."""

from __future__ import annotations

import base64
import json
import pickle

import pytest

from tests.asking import eventually
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack

READ, READER, PACKAGED = "long", "short", "packaged"
ATTACKS = """
import glob, json, os, pathlib, signal

done = []


def tried(what, attack):
    try:
        attack()
    except (OSError, StopIteration):
        return
    done.append(what)


def written(path):
    return lambda: open(path, "w").close()


def renamed(path):
    return lambda: os.rename(path, path + ".away")


root, app = "/opt/dagster/artifacts", "/opt/dagster/app"
environment = glob.glob("/opt/dagster/environments/*-*")
for name in (".environments", ".code", "backups", "locations", ".prepared/other"):
    tried("sees " + name, lambda: os.listdir(root + "/" + name))
tried("renames the environments", renamed(root + "/.environments"))
tried("renames the environments where it runs on them", renamed("/opt/dagster/environments"))
for place in environment:
    tried("renames an environment", renamed(place))
    tried("writes in an environment", written(place + "/planted"))
    tried("changes an environment's Python", written(place + "/bin/python"))
for place in ("environment", "own"):
    tried("chooses an environment", written("/opt/dagster/chosen/" + place))
tried("writes in what was fetched", written(app + "/repo/planted"))
tried("replaces what was fetched", renamed(app + "/repo"))
for hooks in glob.glob(app + "/repo/.git"):
    tried("plants a hook", written(hooks + "/hooks/post-checkout"))
tried("sees code that is kept", lambda: os.listdir("/opt/dagster/kept"))
tried("writes what it reads of another", written("/opt/dagster/reads/long/planted"))
tried("writes over a value of another", written("/opt/dagster/reads/long/numbers"))
tried("sees a Secret", lambda: next(iter(os.listdir("/etc/git-secret"))))
tried("sees a Secret", lambda: next(iter(os.listdir("/etc/packages-secret"))))
for process in glob.glob("/proc/[0-9]*"):
    name = pathlib.Path(process, "comm").read_text().strip()
    if name in ("pause", "git-sync", "uv"):
        tried("ends " + name, lambda: os.kill(int(process[6:]), signal.SIGKILL))
home = os.environ["DAGSTER_HOME"]
for path in ("/tmp/.gitconfig", "/tmp/installing/sitecustomize.py", home + "/.gitconfig"):
    pathlib.Path(path).parent.mkdir(exist_ok=True)
    pathlib.Path(path).write_text("[core]\\n\\tfsmonitor = touch /tmp/ran\\n\\thooksPath = /tmp\\n")
print(json.dumps(done))
"""


@pytest.fixture(scope="module")
def stack(shared_stack: Pool) -> ClusterStack:
    return shared_stack.take(READ)


def inside(stack: ClusterStack, location: str, code: str) -> str:
    server = f"deployment/dagster-grpc-{location}-{stack.location(location)['release']}"
    return stack.kubectl("exec", server, "--container", "dagster-grpc", "--", "python", "-c", code).strip()


@pytest.mark.parametrize("location", [READER, PACKAGED])
def test_code_of_a_location_reaches_nothing_of_the_stack_and_of_others(
    stack: ClusterStack, location: str
) -> None:
    assert json.loads(inside(stack, location, ATTACKS)) == []


def test_what_it_left_is_seen_by_nothing_that_has_credentials(stack: ClusterStack) -> None:
    """Its pod begins anew, on the folders that are there: what fetches has others of its own."""
    serving = stack.location(PACKAGED)["release"]
    (pod,) = stack.servers(PACKAGED, serving)
    before = [one["containerID"] for one in pod["status"]["initContainerStatuses"]]
    stack.kubectl("delete", "pod", pod["metadata"]["name"], "--now")
    eventually("another pod to be ready", lambda: stack.location(PACKAGED)["ready"])
    eventually("only that one", lambda: len(stack.servers(PACKAGED, serving)) == 1)
    (again,) = stack.servers(PACKAGED, serving)
    mounts = {
        one["name"]: {mount["mountPath"]: mount for mount in one["volumeMounts"]}
        for one in (*again["spec"]["initContainers"], *again["spec"]["containers"])
    }
    names = {name: places["/tmp"]["name"] for name, places in mounts.items()}
    assert len(set(names.values())) == 3, names
    assert "shareProcessNamespace" not in again["spec"]
    assert [one["containerID"] for one in again["status"]["initContainerStatuses"]] != before


class Bomb:
    """A value whose loading leaves a file."""

    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("open('/opt/dagster/compute_logs/exploded', 'w').close() or [9]",)


PLANT = """
import base64, pathlib
for place in ("/opt/dagster/artifacts/storage", "/opt/dagster/artifacts/locations/long/storage"):
    pathlib.Path(place).mkdir(parents=True, exist_ok=True)
    pathlib.Path(place, "numbers").write_bytes(base64.b64decode("{value}"))
"""


def test_a_value_is_read_by_whoever_says_so_and_written_by_its_own_location_alone(
    stack: ClusterStack,
) -> None:
    stack.wait_for_success(stack.launch(READ, "up"))
    stack.wait_for_success(stack.launch(READER, "down"))
    planted = base64.b64encode(pickle.dumps(Bomb())).decode()
    inside(stack, READER, PLANT.format(value=planted))
    stack.wait_for_success(stack.launch(READ, "down"))
    exploded = "import os; print(os.path.exists('/opt/dagster/compute_logs/exploded'))"
    assert inside(stack, READ, exploded) == "False"
    inside(stack, READER, "import os; os.unlink('/opt/dagster/artifacts/storage/numbers')")
