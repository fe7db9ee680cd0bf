"""What locations have made, read from real instances: each deployment has a DAGSTER_HOME of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.events import AssetMaterialization
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import DagsterRun

from playground_ops.core.errors import PlaygroundError
from playground_ops.core.produced import CheckSeen, Column, Produced, Wanted
from playground_ops.targets.common.code_server import origin_of
from playground_ops.targets.common.origins import OURS
from playground_ops.targets.common.produced import produced
from playground_ops.targets.common.server_protocol import Address

SECRET = "hunter2hunter2"
ODD = dg.AssetKey(["odd", "x/y"])


@pytest.fixture
def home(tmp_path: Path) -> Callable[[str], Path]:
    """Return the home of a deployment, which begins empty."""

    def made(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "dagster.yaml").touch()
        return folder

    return made


def materialize(home: Path, *assets: object, passes: bool = True, **options: object) -> str:
    """Materialize in this process; return the run's id."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        ended = dg.materialize(list(assets), instance=instance, raise_on_error=passes, **options)  # type: ignore[arg-type]
        assert ended.success == passes
        return ended.run_id


def total(rows: int, price: str, positive: bool) -> dg.AssetsDefinition:
    columns = [dg.TableColumn("id", "int"), dg.TableColumn("price", f"{price} password={SECRET}")]
    metadata = {
        "dagster/row_count": rows,
        "mean": rows / 7,
        "nan": math.nan,
        "inf": math.inf,
        "large": 10**400,
        "is_new": True,
        "text": "a text",
        "none": dg.MetadataValue.int(None),
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }

    @dg.asset(check_specs=[dg.AssetCheckSpec("positive", asset="total")])
    def total() -> dg.MaterializeResult:
        result = dg.AssetCheckResult(passed=positive, check_name="positive")
        return dg.MaterializeResult(metadata=metadata, check_results=[result])

    return total


def ask(home: Path, location: str, *wanted: Wanted) -> dict[str, Produced]:
    return {one.key: one for one in produced(home, location, wanted)}


def test_each_deployment_has_its_own_history(home: Callable[[str], Path]) -> None:
    run = materialize(home("main"), total(90, "int", True))
    materialize(home("next"), total(110, "float", False))
    asked = Wanted(key="total", checks=("positive", "never_evaluated"))
    mine, theirs = (
        ask(home(name), location, asked)["total"] for name, location in (("main", "a"), ("next", "b"))
    )
    assert mine.run_id == run
    assert (mine.release, mine.commit, mine.partition) == (None, None, None), "no server of a release ran it"
    assert math.isnan(float(mine.numbers.pop("nan")))
    assert mine.numbers == {
        **{"dagster/row_count": 90, "mean": 90 / 7, "inf": math.inf},
        **{"large": 10**400, "is_new": True},
    }
    assert theirs.numbers["dagster/row_count"] == 110
    assert mine.columns == (
        Column(name="id", type="int"),
        Column(name="price", type="int password=***"),
    )
    assert mine.checks == (CheckSeen(name="positive", state="passes"),)
    assert theirs.checks == (CheckSeen(name="positive", state="fails"),)
    assert mine.seconds is not None
    assert mine.seconds > 0


def test_what_was_never_made_or_only_observed_or_wiped_is_left_out(home: Callable[[str], Path]) -> None:
    @dg.asset
    def gone() -> None: ...

    materialize(home("main"), gone)
    with dg.DagsterInstance.from_config(str(home("main"))) as instance:
        instance.report_runless_asset_event(dg.AssetObservation("seen", metadata={"rows": 1}))
        instance.wipe_assets([dg.AssetKey("gone")])
    assert ask(home("main"), "a", *(Wanted(key=key) for key in ("never", "seen", "gone"))) == {}


def test_keys_with_slashes_partitions_and_what_no_run_made(home: Callable[[str], Path]) -> None:
    days = dg.StaticPartitionsDefinition(["x", "y"])

    @dg.asset(partitions_def=days)
    def parts() -> None: ...

    for key in ("x", "y"):
        materialize(home("main"), parts, partition_key=key)
    with dg.DagsterInstance.from_config(str(home("main"))) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(ODD, metadata={"rows": 3}))
    found = ask(home("main"), "a", Wanted(key="odd/x/y"), Wanted(key="parts"))
    assert (found["odd/x/y"].numbers, found["odd/x/y"].seconds) == ({"rows": 3}, None)
    assert found["parts"].partition == "y"
    assert ask(home("main"), "a", Wanted(key="parts", partition="x"))["parts"].partition == "x"
    assert ask(home("main"), "a", Wanted(key="parts", partition="z")) == {}


def test_a_check_that_looked_earlier_or_did_not_end_is_told_so(home: Callable[[str], Path]) -> None:
    @dg.asset
    def plain() -> None: ...

    @dg.asset_check(asset=plain)
    def warns() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    @dg.asset_check(asset=plain)
    def raises() -> dg.AssetCheckResult:
        raise ValueError("no such table")

    materialize(home("main"), plain, warns)
    materialize(home("main"), plain)
    materialize(home("main"), plain, raises, passes=False, selection=dg.AssetSelection.all_asset_checks())
    found = ask(home("main"), "a", Wanted(key="plain", checks=("warns", "raises")))["plain"]
    assert found.checks == (
        CheckSeen(name="raises", state="did not end"),
        CheckSeen(name="warns", state="warns", of_earlier=True),
    )


def made_by(home: Path, location: str, release: int, rows: int) -> None:
    """Store the materialization of a run that a release's server made."""
    context = {OURS: {"location": location, "release": release}}
    code = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("x", "defs", None),
        container_context=context,
        entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
    )
    remote = RemoteRepositoryOrigin(origin_of(location, Address(socket="/x.sock")), "__repository__")
    run = DagsterRun(
        job_name="__ASSET_JOB",
        job_code_origin=JobPythonOrigin("__ASSET_JOB", code),
        remote_job_origin=RemoteJobOrigin(remote, "__ASSET_JOB"),
    )
    made = AssetMaterialization("shared", metadata={"rows": rows})
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=run.job_name,
        event_specific_data=StepMaterializationData(made, []),
    )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_run(run)
        instance.report_dagster_event(event, run.run_id)


def test_of_a_key_that_two_locations_share_each_has_what_it_made(home: Callable[[str], Path]) -> None:
    made_by(home("main"), "a", 3, 10)
    made_by(home("main"), "b", 7, 20)
    mine, theirs = (ask(home("main"), name, Wanted(key="shared"))["shared"] for name in ("a", "b"))
    assert (mine.release, mine.numbers) == (3, {"rows": 10})
    assert (theirs.release, theirs.numbers) == (7, {"rows": 20})
    assert ask(home("main"), "c", Wanted(key="shared")) == {}


def test_a_database_that_can_not_be_read_is_a_finding(home: Callable[[str], Path]) -> None:
    materialize(home("main"), total(1, "int", True))
    (home("main") / "history" / "runs" / "index.db").write_bytes(b"no database" * 1000)
    with pytest.raises(PlaygroundError, match="database"):
        ask(home("main"), "a", Wanted(key="total"))
