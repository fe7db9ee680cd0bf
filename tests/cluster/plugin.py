"""A pytest plugin: `--kube-context`, a cluster for a session, a namespace for a test, checks of leftovers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import binaries, leftovers, sessions
from tests.cluster.access import Access, KubectlFailed, existing, own
from tests.cluster.cluster import Cluster
from tests.cluster.places import HERE, instance, locked, run_folders
from tests.session import needs, second_try
from tests.session.needs import CLUSTER
from tests.session.outermost import is_outermost

SESSION_VARIABLE = "PLAYGROUND_TEST_SESSION"
COLD = "PLAYGROUND_TEST_CLUSTER_IS_COLD"
"""Set, and not empty, where the cluster has to be compiled first."""
BEFORE = pytest.StashKey[leftovers.Seen]()
BUILDER = pytest.StashKey["subprocess.Popen[bytes]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kube-context",
        metavar="NAME",
        help="run the cluster tests on this existing cluster, in namespaces that they make and remove; "
        "its nodes pull the images from their registries",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the session in the process that outlives all workers: they work for it."""
    if is_outermost(config):
        os.environ[SESSION_VARIABLE] = sessions.this_session()
        os.environ.setdefault(COLD, "" if needs.lacking(CLUSTER) or binaries.are_built() else "1")
        if not needs.lacking(CLUSTER):
            config.stash[BEFORE] = leftovers.machine()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to build beside the other tests: at first it takes minutes, and they need no cluster."""
    config = session.config
    worker = getattr(config, "workerinput", {"workerid": "gw0"})["workerid"]
    needed = any(_needs_a_cluster(item) for item in session.items)
    if worker == "gw0" and needed and not config.option.collectonly and _own_cluster(config):
        config.stash[BUILDER] = subprocess.Popen(
            ["nice", sys.executable, "-m", "tests.cluster", "build"],
            cwd=HERE.parents[1],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # whoever waits for it reports its errors
            start_new_session=True,
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    builder = config.stash.get(BUILDER, None)
    if builder is not None and builder.poll() is None:
        os.killpg(builder.pid, signal.SIGKILL)
        builder.wait()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """While it is compiled, run what needs no cluster first. Files stay together, and in their order."""
    if os.environ.get(COLD):
        waiting = {item.path for item in items if _needs_a_cluster(item)}
        items.sort(key=lambda item: item.path in waiting)


def _needs_a_cluster(item: pytest.Item) -> bool:
    """Decide by its fixtures, or by the mark `cluster`, where a fixture asks for another at its turn."""
    return "access" in getattr(item, "fixturenames", ()) or item.get_closest_marker("cluster") is not None


def _own_cluster(config: pytest.Config) -> bool:
    return not config.getoption("--kube-context") and not needs.lacking(CLUSTER)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Before the test's timeout starts, build, which takes minutes at first, and wait for one's turn.

    A test that breaks the cluster has it for itself.
    """
    if not _needs_a_cluster(item) or not _own_cluster(item.config):
        yield
        return
    fixtures = getattr(item, "fixturenames", ())
    with contextlib.suppress(Exception):  # the fixture meets the same error, and reports it
        Cluster.here().prepare()
    with locked(f"turn{instance()}", shared="cluster" not in fixtures):
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    sessions.leave(os.environ[SESSION_VARIABLE])
    if not is_outermost(session.config):
        return
    before = session.config.stash.get(BEFORE, None)
    changed = leftovers.difference(before, leftovers.machine()) if before else {}
    if changed and not run_folders():  # those of other sessions come and go
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        second_try.spoil(session.config)
        told = "\n".join(f"{kind}: {line}" for kind, lines in changed.items() for line in lines)
        print(f"\nThe test cluster left the machine changed:\n{told}", file=sys.stderr)


@pytest.fixture(scope="session")
def access(request: pytest.FixtureRequest) -> Iterator[Access]:
    """The cluster given by --kube-context, or else the one that this machine runs for the tests."""
    context = request.config.getoption("--kube-context")
    if context:
        found = existing(context)
    else:
        if needs.lacking(CLUSTER):
            needs.refuse(CLUSTER)
        found = own(sessions.join(os.environ[SESSION_VARIABLE]))
    for session, namespaces in found.sessions().items():
        if not sessions.is_alive(session):
            for name in namespaces:
                found.delete_namespace(name)
    yield found


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, access: Access) -> Cluster:
    """The cluster of this machine with its fault tools, for tests that break it."""
    if request.config.getoption("--kube-context"):
        pytest.skip("needs the fault tools of the tests' own cluster: not with --kube-context")
    return Cluster.here()


@pytest.fixture
def namespace(request: pytest.FixtureRequest, access: Access) -> Iterator[str]:
    """A fresh namespace. What happened in it is part of the report when the test fails."""
    name = access.make_namespace(os.environ[SESSION_VARIABLE])
    yield name
    if request.node.stash.get(FAILED, False):
        try:
            print(access.story(name))
        except KubectlFailed as error:
            print(f"the cluster does not tell what happened: {error}")
    access.delete_namespace(name, wait=bool(request.config.getoption("--kube-context")))


@pytest.fixture
def second_node(cluster: Cluster) -> Iterator[str]:
    cluster.add_second_node(lambda line: None)
    yield "node2"
    cluster.remove_second_node()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True
