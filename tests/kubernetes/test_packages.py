"""Locations with packages of their own: made once in the cluster, kept, and named where they are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from playground_ops.diagnose.pods import INSTALLS
from tests.asking import eventually
from tests.cluster.packageindex import PASSWORD, USER, Index, package_index, wheel, wheels
from tests.cluster.pods import run
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline
from tests.projects import OLDER_DAGSTER, lock
from tests.shared import changed

DEFINITIONS = """\
import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import greeter

# What the code finds around it, in its server as in a run's pod; the file would have another DAGSTER_HOME.
assert shutil.which("python") == sys.prefix + "/bin/python", os.environ["PATH"]
assert os.environ["VIRTUAL_ENV"] == sys.prefix
assert os.environ["SETTING"] == "from the file"
assert Path(os.environ["DAGSTER_HOME"]).is_dir()
assert Path.cwd() == Path(__file__).parent

MADE = Path(__file__).with_name("made.txt")


@dg.asset
def {asset}() -> dg.MaterializeResult:
    told = [dg.__version__, greeter.NUMBER, "of", version("orders"), "at", MADE.read_text().strip()]
    return dg.MaterializeResult(metadata={{"versions": " ".join(map(str, told))}})


defs = dg.Definitions(assets=[{asset}], jobs=[dg.define_asset_job("everything")])
"""
ARTIFACTS = "/opt/dagster/artifacts"
A = "packaged"
"""A location of the pool; its configuration names the package index from the start."""
PROJECT = """\
[project]
name = "orders"
version = "1"
requires-python = "==3.11.*"
dependencies = ["dagster=={dagster}", "greeter=={greeter}"]

[tool.uv]
environments = ["sys_platform == 'linux' and implementation_name == 'cpython'"]
"""
COMPUTED = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """\
import glob
import os
import socket
import zipfile

done = []


def tried(what, attack):
    try:
        attack()
    except (OSError, IndexError):
        return
    done.append(what)


def build_wheel(folder, settings=None, metadata=None):
    tried("secret", lambda: open(glob.glob("/etc/packages-secret/*")[0]).read())
    tried("netrc", lambda: open(os.environ.get("NETRC", "/nowhere")).read()[0])
    tried("variables", lambda: [name for name in os.environ if "PASSWORD" in name or "INDEX" in name][0])
    tried("claim", lambda: open("/opt/dagster/artifacts/.environments/planted", "w").close())
    tried("environments", lambda: os.listdir("/opt/dagster/artifacts/.environments"))
    tried("fetched", lambda: open("/opt/dagster/app/repo/planted", "w").close())
    tried("chosen", lambda: open("/opt/dagster/chosen/environment", "w").close())
    tried("network", lambda: socket.create_connection(("git.playground.test", {port}), 5).close())
    name = "orders-" + ("1+" + ".".join(done) if done else "1")
    version = name.partition("-")[2]
    files = {{
        "METADATA": f"Metadata-Version: 2.1\\nName: orders\\nVersion: {{version}}\\n"
        "Requires-Python: ==3.11.*\\n"
        "Requires-Dist: dagster=={dagster}\\nRequires-Dist: greeter==1.0\\n",
        "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "RECORD": "",
    }}
    with zipfile.ZipFile(os.path.join(folder, name + "-py3-none-any.whl"), "w") as made:
        for file, text in files.items():
            made.writestr(name + ".dist-info/" + file, text)
    return name + "-py3-none-any.whl"


build_editable = build_wheel
"""
"""A build of the project that tries what it might, and tells by its version what it reached."""
VERSIONS = """query($id: ID!) { runOrError(runId: $id) { ... on Run { assetMaterializations {
  metadataEntries { ... on TextMetadataEntry { text } } } } } }"""
TAMPER = """cd /opt/dagster; for place in environments artifacts/.environments; do
  touch $place/x 2> /dev/null && echo wrote; mv $place/$(ls $place) $place/y 2> /dev/null && echo moved
done; ls environments; ls /etc/packages-secret 2> /dev/null; true"""


@dataclass
class World:
    stack: ClusterStack
    code: Pipeline
    port: int
    own: Path
    """The folder of wheels besides those of Dagster."""
    netrc: Path

    def index(self) -> AbstractContextManager[Index]:
        """Return the index, to be entered; always at the same address."""
        return package_index(wheels(), self.own, port=self.port, login=(USER, PASSWORD))

    def lock(self, index: Index, greeter: str, text: str = PROJECT) -> None:
        text = text.format(dagster=OLDER_DAGSTER, greeter=greeter)
        (self.code.folder / "pyproject.toml").write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NETRC", str(self.netrc))
            patch.setenv("UV_DEFAULT_INDEX", index.url)
            lock(self.code.folder)

    def commit(self, asset: str) -> str:
        return self.code.commit_text(DEFINITIONS.format(asset=asset), f"Define {asset}")

    def installed(self) -> str:
        """Return the log of the newest pod's init container."""
        newest = self.stack.servers(A)[-1]
        return self.stack.kubectl("logs", newest["metadata"]["name"], "--container", "install-packages")


@pytest.fixture(scope="module")
def world(shared_stack: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A location that serves, made from an index that is away by now."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "netrc").write_text(f"default login {USER} password {PASSWORD}\n")
    stack = shared_stack.take(A)
    made = World(stack, shared_stack.code(A), shared_stack.index_port, folder / "wheels", folder / "netrc")
    for number in ("1.0", "2.0", "3.0"):
        wheel(made.own, "greeter", number)
    (made.code.folder / ".env").write_text("SETTING=from the file\nDAGSTER_HOME=/nowhere\n")
    with made.index() as index:
        made.lock(index, "1.0")
        made.commit("prices")
        done = stack.run("redeploy", A)
    said = done.stdout + done.stderr
    assert (done.returncode, "installing packages" in said) == (0, True), said
    return made


def told_by_a_run(stack: ClusterStack) -> tuple[str, str]:
    """Return what a run says that it has, and the run."""
    run = stack.launch(A, "everything")
    stack.wait_for_success(run)
    (found,) = stack.graphql(VERSIONS, id=run)["runOrError"]["assetMaterializations"]
    (text,) = [entry["text"] for entry in found["metadataEntries"] if "text" in entry]
    return str(text), run


def made(stack: ClusterStack) -> str:
    """Return what the location's `prepare` made, as the newest server has it."""
    server = f"deployment/dagster-grpc-{A}-{stack.location(A)['release']}"
    return stack.kubectl("exec", server, "--", "sh", "-c", "cat /opt/dagster/app/prepared/*/made.txt").strip()


def test_an_older_dagster_serves_and_runs_under_the_stack_s_newer_one(world: World) -> None:
    stack = world.stack
    assert "Making its environment from uv.lock" in world.installed()
    statuses = stack.servers(A)[-1]["status"]["initContainerStatuses"]
    (installing,) = [one for one in statuses if one["name"] == INSTALLS]
    told_by_pod = installing["state"]["terminated"]["message"]
    assert told_by_pod == "Its packages are those of `uv.lock`, which pins them.", "a rollout shows this"
    told, _ = told_by_a_run(stack)
    assert told == f"{OLDER_DAGSTER} 1.0 of 1 at {made(stack)}", "with its own version, and what was prepared"


def test_code_of_a_location_can_t_change_what_it_or_another_runs_on(world: World) -> None:
    server = f"deployment/dagster-grpc-{A}-{world.stack.location(A)['release']}"
    (key,) = world.stack.kubectl("exec", server, "--", "sh", "-c", TAMPER).split()
    assert key in world.installed()


def test_a_pod_that_is_made_anew_finds_its_packages_without_the_index(world: World) -> None:
    stack = world.stack
    prepared = made(stack)
    before = {pod["metadata"]["uid"] for pod in stack.pods("location")}
    stack.kubectl("delete", "pod", "--selector", f"playground.dagster/location={A}", "--now")
    eventually("another pod", lambda: {pod["metadata"]["uid"] for pod in stack.pods("location")} - before)
    eventually("it to be ready", lambda: stack.location(A)["ready"])
    assert "Making" not in world.installed()
    assert made(stack) == prepared, "its commands ran once for the release"


def test_a_commit_that_locks_the_same_installs_nothing(world: World) -> None:
    world.commit("orders")
    world.stack.ok("redeploy", A)
    assert world.stack.assets(A) == ["orders"]
    assert "Making" not in world.installed()


def test_a_build_of_a_repository_has_no_secret_no_claim_and_no_network(world: World) -> None:
    text = PROJECT.replace('version = "1"', 'dynamic = ["version"]') + COMPUTED
    with world.index() as index:
        (world.code.folder / "backend.py").write_text(BACKEND.format(port=world.port, dagster=OLDER_DAGSTER))
        world.lock(index, "1.0", text)
        world.commit("orders")
        world.stack.ok("redeploy", A)
    told, _ = told_by_a_run(world.stack)
    assert told.startswith(f"{OLDER_DAGSTER} 1.0 of 1 at "), "a version with more names what it reached"
    (world.code.folder / "backend.py").unlink()


@pytest.mark.soak
def test_an_index_that_is_away_is_waited_for_and_not_held_against_the_commit(world: World) -> None:
    stack = world.stack
    before = stack.assets(A)
    with world.index() as index:
        world.lock(index, "2.0")
    world.commit("refunds")
    refused = stack.run("redeploy", A)
    assert refused.returncode != 0
    assert "installing packages" in refused.stdout + refused.stderr
    assert "which installs packages, can't be had" in refused.stdout + refused.stderr
    with world.index():
        stack.ok("redeploy", A)
    assert stack.assets(A) == ["refunds"]
    stack.ok("rollback", A)
    assert stack.assets(A) == before


@contextmanager
def full(stack: ClusterStack) -> Iterator[None]:
    """Fill the claim of the artifacts from a pod without a limit: what it writes counts as its memory."""
    file = f"{ARTIFACTS}/full"
    fill = ("sh", "-c", f"! dd if=/dev/zero of={file} bs=1M")
    claim = {"claim": (ARTIFACTS, {"persistentVolumeClaim": {"claimName": "dagster-artifacts"}})}
    try:
        ended, said = run(stack.access, stack.namespace, "fill", *fill, volumes=claim)
        assert (ended, "No space left on device" in said) == (0, True), said
        yield
    finally:
        run(stack.access, stack.namespace, "clear", "rm", file, volumes=claim)
        stack.kubectl("delete", "pod", "fill", "clear")


@pytest.mark.soak
def test_a_claim_without_room_is_told_and_leaves_what_serves(world: World) -> None:
    stack = world.stack
    before = stack.assets(A)
    with world.index() as index, full(stack):
        world.lock(index, "1.0", PROJECT.replace("greeter==", "greeter>="))
        world.commit("shipments")
        refused = stack.run("redeploy", A)
    assert refused.returncode != 0
    assert "The disk is full" in refused.stdout + refused.stderr
    assert stack.assets(A) == before


def test_a_package_that_can_t_be_had_is_named_and_leaves_what_serves(world: World) -> None:
    before = world.stack.assets(A)
    with world.index() as index:
        world.lock(index, "3.0")
        world.commit("returns")
        next(world.own.glob("greeter-3.0*")).unlink()
        run = world.stack.launch("ops", "redeploy", {"locations": [A]})
        assert world.stack.wait_for_run(run) == "FAILURE"
    said = world.stack.messages(run)
    assert "A package is not on its index: greeter==3.0" in said
    assert PASSWORD not in said
    assert world.stack.assets(A) == before


@pytest.mark.soak
def test_another_node_than_its_claim_s_is_no_place_for_it_and_what_serves_stays(
    world: World, second_node: str
) -> None:
    """As with ReadWriteOnce, the volume is on the node of its first pod."""
    stack = world.stack
    before = stack.assets(A)
    with world.index():
        with changed(stack, A, pod={"node_selector": {"kubernetes.io/hostname": second_node}}):
            refused = stack.run("deploy")
        assert refused.returncode == 1
        assert "claim" in refused.stdout + refused.stderr
        assert stack.assets(A) == before
        stack.ok("deploy")
    assert stack.plan() == {}


@pytest.mark.soak
def test_runs_in_pods_of_their_own_have_them_too(world: World) -> None:
    stack = world.stack
    with world.index():
        stack.configure(code_locations=[], run_launcher="kubernetes")
        stack.bootstrap()
    told, run = told_by_a_run(stack)
    assert told == f"{OLDER_DAGSTER} 1.0 of 1 at {made(stack)}"
    assert f"dagster-run-{run}" in stack.kubectl("get", "jobs", "-o", "name")
