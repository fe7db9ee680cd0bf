"""The run launchers of a stack in a cluster: what they need, and where they start a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster_k8s import K8sRunLauncher

from playground_ops.config import read
from playground_ops.render import instance, modules, release, runs
from playground_ops.render.names import location_service
from playground_ops.targets.common.origins import first_try, release_of
from playground_ops.targets.common.server_protocol import Address
from playground_ops.targets.kubernetes.inside import pod_launcher
from playground_ops.targets.kubernetes.inside.pod_launcher import PodRunLauncher
from playground_ops.targets.kubernetes.inside.server_launcher import ServerRunLauncher, server_of
from tests.rendered import ARCHIVE, released

CONFIGURATION = read("code_locations: [{name: a, repo: {url: 'https://git.test/a.git'}}]", Path("x.yaml"))
(A,) = CONFIGURATION.locations


def test_webserver_and_daemon_have_all_that_the_launchers_and_the_front_door_import(tmp_path: Path) -> None:
    """In their images there may be another version of this project: none of its modules may be found."""
    content = modules.config_map("x")["data"]
    mounted = modules.mounted().source["configMap"]["items"]
    assert {one["key"] for one in mounted} == content.keys()
    for one in mounted:
        file = tmp_path / one["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content[one["key"]])
    front_door = [f"{modules.FRONT_DOOR}.__main__", f"{modules.FRONT_DOOR}.command"]
    asked = f"""\
import importlib, sys
for name in {[modules.SERVER_LAUNCHER, modules.POD_LAUNCHER, *front_door]}:
    importlib.import_module(name)
from playground_ops.core.errors import certain
certain(object="x", observed="password: 'secret'", cause="x", fix="x")  # a refusal loads more
print([found.__file__ for name, found in sys.modules.items() if name.startswith("playground_ops")])
"""
    said = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    loaded = json.loads(said.stdout.replace("'", '"'))
    assert sorted(loaded) == sorted(str(tmp_path / one["path"]) for one in mounted)


def a_run(
    number: int | None, host: str = location_service("a"), name: str = "a", **fields: Any
) -> DagsterRun:
    """Return a run of location `name`, as Dagster makes it of what a server of `a` told of itself."""
    made = released(A, CONFIGURATION)
    context = None
    if number is not None:
        told = release.context_of_runs(made.model_copy(update={"number": number}), CONFIGURATION, ARCHIVE)
        context = json.loads(told)
    code = RepositoryPythonOrigin("python", ModuleCodePointer("m", "defs", None), None, None, context)
    location = GrpcServerCodeLocationOrigin(host=host, port=4000, location_name=name)
    repository = RemoteRepositoryOrigin(code_location_origin=location, repository_name="__repository__")
    origin = RemoteJobOrigin(repository_origin=repository, job_name="j")
    code_origin = JobPythonOrigin("j", code)
    return DagsterRun("j", job_code_origin=code_origin, remote_job_origin=origin, **fields)


def retry(run: DagsterRun, number: int, count: str = "1", name: str = "a") -> DagsterRun:
    root = run.root_run_id or run.run_id
    tags = {"dagster/retry_number": count, "dagster/parent_run_id": run.run_id, "dagster/root_run_id": root}
    return a_run(number, name=name, tags=tags, parent_run_id=run.run_id, root_run_id=root)


def test_a_run_names_its_release_by_the_labels_of_its_pod() -> None:
    assert release_of(a_run(7), lambda _: None) == ("a", 7)
    assert release_of(a_run(None), lambda _: None) is None
    assert server_of(a_run(7), "a", 7) == Address("dagster-release-a-7", 4000)
    assert server_of(a_run(7, "dagster-grpc-a.apart"), "a", 7) == Address("dagster-release-a-7.apart", 4000)
    assert server_of(DagsterRun("j"), "a", 7) is None
    own = ServerRunLauncher().own_server(a_run(3), "a", 3)
    assert own == Address("dagster-release-a-3", 4000), "of the one that serves too: it can be ended there"


def test_no_server_has_its_runs_started_by_another_location() -> None:
    """What a location's code says of itself leads to no server, and to no pod, but its own."""
    assert release_of(a_run(7, name="evil"), lambda _: None) is None
    first = a_run(1)
    stolen = retry(first, 2, name="evil")
    assert first_try(stolen, lambda _: first) is stolen
    assert release_of(DagsterRun("j"), lambda _: None) is None


@dataclass(frozen=True)
class Launched:
    """dagster-k8s's launcher without a cluster: what `launch_run` hands to it."""

    home: DagsterInstance
    runs: list[DagsterRun]
    launcher: PodRunLauncher

    def launch(self, run: DagsterRun) -> DagsterRun:
        self.launcher.launch_run(LaunchRunContext(dagster_run=self.home.add_run(run), workspace=None))
        return self.runs.pop()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Launched]:
    made: list[DagsterRun] = []
    monkeypatch.setattr(K8sRunLauncher, "__init__", lambda self: None)
    monkeypatch.setattr(K8sRunLauncher, "launch_run", lambda self, context: made.append(context.dagster_run))
    launcher = PodRunLauncher()
    with DagsterInstance.ephemeral() as home:
        launcher.register_instance(home)
        yield Launched(home, made, launcher)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Answer the question for a server's id as a code server does. Yields the releases that are asked for."""
    server, asked = grpc.server(ThreadPoolExecutor(1)), list[str]()
    reply = grpc.unary_unary_rpc_method_handler(lambda request, _: b"\x0a\x02id")
    handler = grpc.method_handlers_generic_handler("api.DagsterApi", {"GetServerId": reply})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("localhost:0")
    server.start()

    def here(run: DagsterRun, location: str, number: int) -> Address:
        asked.append(f"{location}-{number}")
        return Address(port=port)

    monkeypatch.setattr(pod_launcher, "server_of", here)
    yield asked
    server.stop(None).wait()


def test_a_retry_has_the_pod_of_the_release_that_was_tried_first(
    launched: Launched, answering: list[str]
) -> None:
    first = a_run(1)
    assert launched.launch(first).job_code_origin == first.job_code_origin
    again = retry(first, 2)
    found = launched.launch(again)
    assert (found.run_id, found.job_code_origin) == (again.run_id, first.job_code_origin)
    third = launched.launch(retry(again, 3, "2"))
    assert third.job_code_origin == first.job_code_origin, "of a retry of a retry too"
    assert answering == ["a-1", "a-1"]
    by_hand = a_run(3, parent_run_id=first.run_id, root_run_id=first.run_id)
    assert launched.launch(by_hand).job_code_origin == by_hand.job_code_origin
    assert launched.launch(retry(by_hand, 3)).job_code_origin == by_hand.job_code_origin
    assert answering == ["a-1", "a-1"], "nobody is asked where it is the same release"


def test_a_retry_whose_release_is_gone_has_its_own_and_says_so(launched: Launched) -> None:
    first = a_run(1)
    launched.launch(first)
    again = retry(first, 2)
    assert launched.launch(again).job_code_origin == again.job_code_origin
    (said,) = [one.message for one in launched.home.all_logs(again.run_id)]
    why = "has ended, or does not answer"
    assert said == f"Release a-1, which this run belongs to, {why}: it runs on the one that serves."


@pytest.mark.parametrize("launcher", ["code_server", "kubernetes"])
def test_who_launches_is_in_the_instance_of_webserver_and_daemon_and_of_nobody_else(launcher: Any) -> None:
    found = CONFIGURATION.model_copy(update={"run_launcher": launcher})
    assert instance.settings(found)["run_launcher"] == runs.launcher(found)
    assert "run_launcher" not in instance.served(found)
