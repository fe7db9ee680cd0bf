"""What locations and runs keep in a state folder, with a real instance and a real process that prints."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
import pytest

from playground_ops.targets.local.child import MOST_LOG_BYTES
from playground_ops.targets.local.control import Control
from playground_ops.targets.local.folder import StateFolder
from playground_ops.targets.local.kept_files import KeptFiles
from tests.asking import eventually
from tests.local.supervised import log_of, running, spec

MIB = 1024**2
PRINTS = (
    *(sys.executable, "-S", "-c"),
    f"import time; print('x' * {MOST_LOG_BYTES + 1000}, flush=True); time.sleep(1.0)\n"
    "while True: print('later', flush=True); time.sleep(0.5)",
)


@dg.op
def prints() -> None:
    print("begun")


@dg.job(executor_def=dg.in_process_executor)
def printing() -> None:
    prints()


@pytest.fixture
def kept(tmp_path: Path) -> KeptFiles:
    folder = StateFolder(tmp_path)
    folder.instance().dagster_home.mkdir()
    (folder.instance().dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return KeptFiles(folder)


def test_what_a_run_printed_without_end_is_cut_and_its_page_says_so(kept: KeptFiles) -> None:
    with dg.DagsterInstance.from_config(str(kept.folder.instance().dagster_home)) as instance:
        done = printing.execute_in_process(instance=instance)
        other = printing.execute_in_process(instance=instance)
        (storage,) = kept.storages
        (out,) = (storage / done.run_id).glob("compute_logs/*.out")
        with out.open("ab") as file:
            file.write(b"x" * 3 * MIB)
        (told,) = kept.cut_logs(MIB)
        assert f"run {done.run_id} of printing" in told
        assert out.stat().st_size <= MIB
        assert out.read_text().startswith("begun\n"), "the beginning is kept"
        said = [one.message for one in instance.all_logs(done.run_id)]
        assert [one for one in said if "`run_log_limit`" in one]
        assert not [one for one in instance.all_logs(other.run_id) if "`run_log_limit`" in one.message]
        assert kept.cut_logs(MIB) == []
    of_runs = kept.of_runs(60)
    assert of_runs is not None
    assert of_runs.largest[0][0] == f"{done.run_id}/compute_logs"


def test_each_location_has_what_its_releases_keep(kept: KeptFiles) -> None:
    for name in ("prepared/a-1/made/x", "logs/a-1.log", "logs/a-1.log.1", "prepared/a-b-1/x", "logs/a-b.log"):
        file = kept.folder.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * MIB)
    found = kept.kept(["a", "a-b"], 60)
    assert set(found.kept["a"].parts) == {"prepared", "logs"}
    assert found.kept["a"].bytes // MIB == 3
    assert found.kept["a-b"].bytes // MIB == 1
    assert found.room is not None
    assert found.share == found.room.bytes_total // 2


def test_the_log_of_a_process_that_prints_without_end_is_cut_while_it_runs(
    supervisor: Control, state: Path
) -> None:
    supervisor.start(spec(argv=PRINTS))
    log = state / "logs" / "x.log"
    eventually("the log to be cut", lambda: log.exists() and log.with_name("x.log.1").exists())
    eventually("what is printed later", lambda: log_of(state, "x").endswith("later\n"))
    assert log.stat().st_size < MIB
    assert running(state).restarts == 0
