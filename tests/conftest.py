"""Fixtures: stacks that a worker shares, and one seed for the complete session."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.cluster.access import Access
from tests.cluster.cluster import Cluster
from tests.kubernetes.database import DatabaseStack
from tests.kubernetes.images import imported
from tests.kubernetes.pool import Pool
from tests.session.distribution import SHARED
from tests.shared import SharedStack
from tests.stacks import Stack, a_stack


@pytest.fixture(scope="session")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Names of the images with code in them, on the cluster's node."""
    owner = f"reports-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with imported(cluster, tmp_path_factory.mktemp("images"), owner) as names:
        yield names


@pytest.fixture(scope="session")
def shared_stack(
    request: pytest.FixtureRequest, access: Access, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pool]:
    """A stack on the cluster, one per worker: tests/session/distribution.py gives its files to one."""
    is_ours = not request.config.getoption("--kube-context")  # no image can be brought to another cluster
    image = request.getfixturevalue("images")[0] if is_ours else None
    shared = Pool(access, tmp_path_factory.mktemp("pool"), image)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def database_stack(access: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseStack]:
    """Another stack on the cluster, whose database is lost and its password changed."""
    shared = DatabaseStack(access, tmp_path_factory.mktemp("database"))
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def local_stack() -> Iterator[SharedStack[Stack]]:
    """A stack on this machine, one per worker."""
    shared = SharedStack(a_stack)
    yield shared
    shared.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Function, nextitem: pytest.Item | None) -> Generator[None]:
    """End a shared stack that the next test doesn't use: an idle one takes a tenth of a processor.

    The files that share one follow one another (tests/session/distribution.py).
    """
    shared = {name: item.funcargs[name] for name in SHARED if name in getattr(item, "funcargs", {})}
    yield
    for name, stack in shared.items():
        if name not in getattr(nextitem, "fixturenames", ()):
            stack.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark a shared stack as suspect after a failure: the test may have left it in any state."""
    report = yield
    for name in SHARED:
        shared = getattr(item, "funcargs", {}).get(name)
        if report.failed and shared is not None:
            shared.suspect = True
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Set the seed before any worker starts, so that all of them draw the same samples.

    Tests that a script starts in the background would have Ctrl-C ignored in all their processes.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("PLAYGROUND_SEED", str(random.SystemRandom().randrange(1, 10**6)))


def pytest_report_header() -> str:
    return f"PLAYGROUND_SEED={os.environ['PLAYGROUND_SEED']} (set it to draw the same samples again)"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the short paths to the state folders of this session's tests, and of killed ones."""
    base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    for link in Path("/tmp").glob(f"pg-{os.getuid()}-*"):
        if link.is_symlink():
            target = link.readlink()
            of_a_test = any(part.startswith(("pytest-", "pgtest-")) for part in target.parts)
            if target.is_relative_to(base) or (of_a_test and not target.exists()):
                link.unlink(missing_ok=True)
