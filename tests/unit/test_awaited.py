"""A release stays as long as runs that belong to it wait for their turn; a run starts on its own release."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterInvariantViolationError, DagsterRun, DagsterRunStatus
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._grpc.server import DagsterApiServer

from playground_ops.core.model import Location, Release, ReleaseState, Revision
from playground_ops.core.progress import SilentProgress
from playground_ops.engine.context import Engine, Request
from playground_ops.engine.health.examine import tend
from playground_ops.engine.rollout import roll_out
from playground_ops.targets.common.awaited import Pending, Rules, releases_of, to_start
from playground_ops.targets.common.origins import context_of, release_of
from playground_ops.targets.common.run_launching import DRAINS
from playground_ops.targets.local.launcher import ReleaseRunLauncher
from tests.fakes import FakeTarget, World

A = Location(name="a", repository="https://git.test/a.git", ref="main")


def served(world: World, *digits: int) -> World:
    for digit in digits:
        world.heads["a"] = f"{digit:040x}"
        engine = Engine(FakeTarget(world), SilentProgress(), world.clock)
        roll_out(engine, Request(location=A, configuration="digest", by="test"))
    return world


def retired(world: World) -> list[int]:
    states = {live.release.number: live.state for live in FakeTarget(world).releases("a")}
    return [number for number, state in states.items() if state is ReleaseState.RETIRED]


def test_a_release_that_queued_runs_belong_to_stays_until_they_have_begun() -> None:
    world = served(World(awaited={"a": {1}}), 1, 2, 3, 4)
    assert retired(world) == [1, 3]
    tend(FakeTarget(world), ["a"])
    assert retired(world) == [1, 3]
    world.awaited.clear()
    world.locks["a"] = "a rollout"
    tend(FakeTarget(world), ["a"])
    assert retired(world) == [1, 3], "a rollout is under way, and sees to it itself"
    world.locks.clear()
    tend(FakeTarget(world), ["a"])
    assert retired(world) == [3]


def test_and_the_next_rollout_lets_it_go_too() -> None:
    world = served(World(awaited={"a": {1}}), 1, 2, 3)
    world.awaited.clear()
    assert retired(served(world, 4)) == [3]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def there(home: Path) -> Iterator[DagsterInstance]:
    launcher = {"module": ReleaseRunLauncher.__module__, "class": ReleaseRunLauncher.__name__}
    (home / "dagster.yaml").write_text(json.dumps({"run_launcher": launcher}))
    with DagsterInstance.from_config(str(home)) as made:
        yield made


def queued(there: DagsterInstance, number: int | None, socket: Path, **fields: object) -> DagsterRun:
    """Store a run as Dagster does: with what the server of that release told of itself."""
    context = None
    if number is not None:
        revision = Revision(repository=None, commit="content-1")
        release = Release(location=A, number=number, revision=revision, configuration="c", created_at="now")
        context = json.loads(context_of(release))
    code = RepositoryPythonOrigin("python", ModuleCodePointer("m", "defs", None), None, None, context)
    location = GrpcServerCodeLocationOrigin(host="localhost", socket=str(socket), location_name="a")
    repository = RemoteRepositoryOrigin(code_location_origin=location, repository_name="__repository__")
    run = DagsterRun(
        "j",
        status=DagsterRunStatus.QUEUED,
        job_code_origin=JobPythonOrigin("j", code),
        remote_job_origin=RemoteJobOrigin(repository_origin=repository, job_name="j"),
        **fields,  # type: ignore[arg-type]
    )
    return there.add_run(run)


def test_a_run_belongs_to_the_release_it_was_made_from_and_a_retry_to_that_of_the_first_try(
    there: DagsterInstance, home: Path, tmp_path: Path
) -> None:
    link = tmp_path / "a.location.sock"
    failed = queued(there, 1, link)
    parent = {"parent_run_id": failed.run_id, "root_run_id": failed.run_id}
    tags = {"dagster/parent_run_id": failed.run_id, "dagster/root_run_id": failed.run_id}
    retry = queued(there, 3, link, tags={**tags, "dagster/retry_number": "1"}, **parent)
    by_hand = queued(there, 3, link, tags=tags, **parent)
    unknown = queued(there, None, link)
    runs = (failed, retry, by_hand, unknown)
    found = [release_of(run, there.get_run_by_id) for run in runs]
    assert found == [("a", 1), ("a", 1), ("a", 3), None]
    pending = [Pending(run.run_id, run.status.value, run.tags) for run in runs]
    servers, pods = (Rules(on_servers, 3600) for on_servers in (True, False))
    assert releases_of(home, pending, "a", servers) == {1, 3}
    assert releases_of(home, pending, "a", pods) == {1}, "a retry's"
    assert releases_of(home, pending, "b", servers) == set()


TWO = {"dagster/max_retries": "2"}
AGAIN = {"dagster/will_retry": "true"}


@pytest.mark.parametrize(
    ("status", "tags", "retries", "in_servers", "in_pods"),
    [
        ("QUEUED", {}, 0, True, False),
        ("NOT_STARTED", {}, 0, True, False),
        ("STARTING", {}, 0, True, False),
        ("QUEUED", {"dagster/retry_number": "1"}, 0, True, True),
        ("QUEUED", {}, 1, True, True),  # the retry that may follow, not the run
        ("STARTED", {}, 0, False, False),
        ("STARTED", {}, 1, True, True),
        ("STARTED", TWO, 0, True, True),
        ("STARTED", {"dagster/max_retries": "0"}, 3, False, False),
        ("STARTED", {"dagster/max_retries": "many"}, 1, True, True),
        ("STARTED", {**TWO, "dagster/retry_number": "1"}, 0, True, True),
        ("STARTED", {**TWO, "dagster/retry_number": "2"}, 0, False, False),
        ("FAILURE", AGAIN, 0, True, True),
        ("FAILURE", {**AGAIN, "dagster/auto_retry_run_id": "x"}, 1, False, False),
        ("FAILURE", {"dagster/will_retry": "false"}, 1, False, False),
    ],
)
def test_a_release_is_waited_for_by_what_starts_on_it_or_may_be_tried_again(
    status: str, tags: dict[str, str], retries: int, in_servers: bool, in_pods: bool
) -> None:
    run = [Pending("r", status, tags)]
    assert (to_start(run, Rules(True, 60, retries), 0.0) == ["r"]) is in_servers
    assert (to_start(run, Rules(False, 60, retries), 0.0) == ["r"]) is in_pods


@pytest.mark.parametrize(("seconds", "is_waited_for"), [(59.0, True), (61.0, False)])
def test_a_run_that_takes_too_long_holds_its_release_no_more(seconds: float, is_waited_for: bool) -> None:
    run = [Pending("r", "STARTED", TWO, started=1000.0)]
    assert (to_start(run, Rules(True, 60), 1000.0 + seconds) == ["r"]) is is_waited_for


@pytest.mark.parametrize(("number", "told"), [(1, True), (2, False), (None, False)])
def test_a_run_whose_release_is_gone_starts_on_what_serves_and_says_so(
    there: DagsterInstance, tmp_path: Path, number: int | None, told: bool
) -> None:
    link = tmp_path / "a.location.sock"
    link.symlink_to("a-2.sock")
    run = queued(there, number, link)
    # Dagster's own launcher, which finds what serves, is reached: it asks for the workspace.
    with pytest.raises(DagsterInvariantViolationError, match="requires a workspace"):
        there.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    said = [one.message for one in there.all_logs(run.run_id)]
    why = "has ended, or does not answer"
    wanted = f"Release a-1, which this run belongs to, {why}: it starts on the one that serves."
    assert said == ([wanted] if told else [])


def test_a_server_that_drains_refuses_runs_in_these_words() -> None:
    assert DRAINS in inspect.getsource(DagsterApiServer.StartRun)
