"""What a real code server is asked, and what becomes of one that does not answer."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from playground_ops.core.changes import changes
from playground_ops.core.errors import RolloutFailed
from playground_ops.core.model import Location, Release, Revision
from playground_ops.engine.compare import differences
from playground_ops.targets.common.code_server import inspect
from playground_ops.targets.common.server_protocol import Address, NoAnswer, is_serving
from tests.asking import eventually

DEFINITIONS = """\
import dagster as dg

class Store(dg.ConfigurableResource):
    password: str

@dg.asset(
    code_version="1", deps=["elsewhere"], kinds={"python"},
    partitions_def=dg.DailyPartitionsDefinition("2024-01-01"),
    automation_condition=dg.AutomationCondition.eager(),
)
def prices() -> None: ...

@dg.asset_check(asset=prices)
def sane() -> dg.AssetCheckResult: ...

load = dg.define_asset_job("load", [prices])
nightly = dg.ScheduleDefinition(name="nightly", job=load, cron_schedule="0 3 * * *")

@dg.sensor(job=load)
def look() -> None: ...

defs = dg.Definitions([prices], [nightly], [look], [load], {"store": Store(password="hunter2")},
                      asset_checks=[sane])
"""
RELEASE = Release(
    location=Location(name="a"),
    number=1,
    revision=Revision(repository=None, commit="content-1"),
    configuration="c",
    created_at="now",
)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[Address]:
    (tmp_path / "prices_code.py").write_text(DEFINITIONS)
    found = Address(socket=str(tmp_path / "s"))
    command = ["-m", "dagster", "api", "grpc", "-f", "prices_code.py", "--socket", str(found.socket)]
    server = subprocess.Popen([sys.executable, *command], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        eventually("the server to answer", lambda: is_serving(found.channel) or server.poll() is not None)
        assert server.poll() is None
        yield found
    finally:
        server.terminate()
        server.wait()


def test_a_server_tells_all_that_it_defines_and_twice_the_same(address: Address) -> None:
    loaded = inspect(RELEASE, address, 30.0)
    assert {(one.kind, one.name) for one in loaded.defined} == {
        ("asset", "prices"),
        ("asset check", "prices:sane"),
        ("job", "load"),
        ("schedule", "nightly"),
        ("sensor", "look"),
        ("sensor", "default_automation_condition_sensor"),
        ("resource", "store"),
    }
    (prices,) = [one.fields for one in loaded.defined if one.kind == "asset"]
    assert (
        prices.items()
        >= {
            "code version": "1",
            "depends on": "elsewhere",
            "kinds": "python",
            "partitions": "daily from 2024-01-01",
            "automation condition": "eager",
        }.items()
    )
    assert "hunter2" not in loaded.model_dump_json()
    again = inspect(RELEASE, address, 30.0)
    assert changes(differences(loaded.defined, again.defined), 1).counts == ()


def test_a_server_that_accepts_and_never_answers_is_given_up_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        mute = Address(host="127.0.0.1", port=listening.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            inspect(RELEASE, mute, 20.0)
        assert time.monotonic() - began < 10.0


def test_one_that_is_gone_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer):
        inspect(RELEASE, Address(socket=str(tmp_path / "nobody")), 20.0)


def test_one_whose_answer_this_dagster_can_not_read_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground_ops.targets.common.code_server.server_id", lambda channel: "x")
    answer = '{"__class__": "FromTheFuture"}'
    monkeypatch.setattr(
        "playground_ops.targets.common.code_server.listed_repositories", lambda channel, seconds: answer
    )
    with pytest.raises(RolloutFailed, match="this stack's Dagster can't read"):
        inspect(RELEASE, Address(port=1), 1.0)
