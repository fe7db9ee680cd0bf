"""Object stores: what is refused, what pods get, and that Dagster's own classes take what is rendered."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.compute_log_manager import ComputeIOType

from playground_ops.config import Configuration, store
from playground_ops.core.errors import FindingKind
from playground_ops.diagnose.server_log import explain_exit
from playground_ops.render import instance
from playground_ops.targets.packages.uv import find_uv
from tests.objectstores import KEYS, Bucket, a_bucket
from tests.serving import served
from tests.session.deadlines import stretched
from tests.unit.test_config import faults_of
from tests.unit.test_pod_settings import release_of
from tests.unit.test_render import ROOT, configuration, the

GCS = "kubernetes: {artifacts_store: {gcs: {bucket: team}, secret: store}}"
AZURE = (
    "kubernetes: {artifacts_store: {azure: {storage_account: team, container: dagster, "
    "access_key_variable: AZURE_STORAGE_KEY}, secret: store}}"
)
LOG = ["a-run", "compute_logs", "step"]
CLOUDS = """
import os, sys
from dagster._core.instance.ref import InstanceRef
from playground import values

for folder in sys.argv[1:]:
    manager = InstanceRef.from_dir(folder).compute_log_manager
    print(type(manager).__name__, manager.upload_interval)
os.environ |= {"PLAYGROUND_ARTIFACTS": "gcs", "PLAYGROUND_ARTIFACTS_BUCKET": "team"}
print(type(values.resources()["io_manager"]).__name__)
"""


def s3(bucket: Bucket | None = None, **more: Any) -> Configuration:
    where = {"bucket": "team", "prefix": "x/y", "region": "us-east-1"}
    where |= {"endpoint_url": bucket.url} if bucket else {}
    document = {"artifacts_store": {"s3": where, "secret": "store", **more}}
    return configuration(yaml.safe_dump({"kubernetes": document, "code_locations": [{"name": "a"}]}))


def home(folder: Path, found: Configuration) -> Path:
    """Return a home with a staging folder of its own, as each pod has."""
    folder.mkdir()
    settings = instance.settings(found)
    settings["compute_logs"]["config"]["local_dir"] = str(folder / "staged")
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return folder


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with a_bucket("team") as made:
        yield made


def test_what_one_pod_prints_another_reads_from_s3(bucket: Bucket, tmp_path: Path) -> None:
    writer, reader = (
        InstanceRef.from_dir(str(home(tmp_path / name, s3(bucket)))).compute_log_manager
        for name in ("writer", "reader")
    )
    assert (type(writer).__name__, writer.upload_interval) == ("S3ComputeLogManager", 10)
    with writer.capture_logs(LOG):
        print("hello from a step")
    assert {key.rpartition("/")[0] for key in bucket.objects()} == {"x/y/storage/a-run/compute_logs"}
    data, _ = reader.get_log_data_for_type(LOG, ComputeIOType.STDOUT, 0, 10_000)
    assert data == b"hello from a step\n"


def test_the_values_of_the_bootstrap_package_lie_there_too(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playground import values
    from playground.definitions import numbers, total

    assert values.resources() == {}, "without a store Dagster's own"
    for name, value in the_environment(s3(bucket)).items():
        monkeypatch.setenv(name, value)
    done = dg.materialize([numbers, total], resources=values.resources())
    assert done.output_for_node(total.node_def.name) == 31
    assert sorted(bucket.objects()) == [f"x/y/values/playground/{name}" for name in ("numbers", "total")]


def the_environment(found: Configuration) -> dict[str, str]:
    """Return the environment of a location's server, without values from Secrets."""
    (main,) = release_of(found.locations[0], found)[0]["spec"]["template"]["spec"]["containers"]
    return {
        one["name"]: one["value"] for one in main["env"] if one["name"].startswith(("PLAYGROUND_A", "AWS"))
    }


class _Google(BaseHTTPRequestHandler):
    """Answers that every bucket exists, which Dagster's log manager asks first."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"name": "team"}')

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def google() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Google)
    with served(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.soak
def test_the_managers_of_google_and_azure_take_what_is_rendered(google: str, tmp_path: Path) -> None:
    """They are in a separate environment, which uv makes: half a gigabyte that nothing else here needs."""
    clouds = {"google": GCS, "azure": AZURE}
    folders = [str(home(tmp_path / name, configuration(text))) for name, text in clouds.items()]
    wanted = tmp_path / "requirements.txt"
    pins = (ROOT / "constraints.txt").read_text()
    lockstep = next(line for line in pins.splitlines() if line.startswith("dagster-aws==")).partition("==")[2]
    wanted.write_text(
        f"-c {ROOT / 'constraints.txt'}\ndagster-gcp=={lockstep}\ndagster-azure=={lockstep}\ndagster-postgres"
    )
    ended = subprocess.run(
        [
            *(find_uv("test"), "run", "--quiet", "--no-project", "--isolated", "--with-requirements"),
            *(str(wanted), "python", "-c", CLOUDS, *folders),
        ],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("PLAYGROUND_")},
            "PYTHONPATH": str(ROOT),
            "STORAGE_EMULATOR_HOST": google,
            "GOOGLE_CLOUD_PROJECT": "tests",
            "AZURE_STORAGE_KEY": "a2V5",
        },
        capture_output=True,
        text=True,
        timeout=stretched(240),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [
        *("GCSComputeLogManager", "10", "AzureBlobComputeLogManager", "10"),
        "GCSPickleIOManager",
    ]


def test_without_a_store_logs_lie_on_the_claim() -> None:
    assert instance.settings(configuration())["compute_logs"]["class"] == "LocalComputeLogManager"


def test_credentials_reach_what_dagster_runs_in_and_nothing_else() -> None:
    found = s3()
    deployments = [the(found, "Deployment", f"dagster-{name}") for name in ("webserver", "daemon")]
    deployments += [release_of(location, found)[0] for location in found.all_locations]
    for one in deployments:
        (main,) = one["spec"]["template"]["spec"]["containers"]
        assert main["envFrom"] == [{"secretRef": {"name": "store"}}]
    (database,) = the(found, "StatefulSet", "dagster-postgres")["spec"]["template"]["spec"]["containers"]
    assert "envFrom" not in database


def test_what_a_location_says_itself_goes_before() -> None:
    found = configuration(
        yaml.safe_dump(
            {
                "kubernetes": {
                    "artifacts_store": {"s3": {"bucket": "team", "region": "x"}, "secret": "store"}
                },
                "code_locations": [
                    {
                        "name": "a",
                        "pod": {
                            "environment": {"AWS_DEFAULT_REGION": "y"},
                            "environment_from_secrets": ["own"],
                        },
                    }
                ],
            }
        )
    )
    (main,) = release_of(found.locations[0], found)[0]["spec"]["template"]["spec"]["containers"]
    assert {"name": "AWS_DEFAULT_REGION", "value": "y"} in main["env"]
    assert [one["secretRef"]["name"] for one in main["envFrom"]] == ["store", "own"], "the last one counts"


def test_google_s_credentials_are_a_file() -> None:
    spec = the(configuration(GCS), "Deployment", "dagster-webserver")["spec"]["template"]["spec"]
    (volume,) = [one for one in spec["volumes"] if one["name"] == store.VOLUME]
    assert volume["secret"]["secretName"] == "store"
    (told,) = [one for one in spec["containers"][0]["env"] if one["name"] == "GOOGLE_APPLICATION_CREDENTIALS"]
    assert told["value"] == "/etc/artifacts-store/credentials.json"


def test_a_cloud_may_know_pods_by_their_account() -> None:
    notes = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}
    found = s3(secret=None, service_account_annotations=notes)
    for name in ("dagster-code", "dagster-ops"):
        account = the(found, "ServiceAccount", name)
        assert account["metadata"]["annotations"] == notes
        assert account["automountServiceAccountToken"] is False
    spec = the(found, "Deployment", "dagster-webserver")["spec"]["template"]["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("dagster-code", False)
    ops = release_of(found.ops, found)[0]["spec"]["template"]["spec"]
    assert ops["serviceAccountName"] == "dagster-ops"
    azure = AZURE.replace(
        "secret: store", "service_account_annotations: {azure.workload.identity/client-id: x}"
    )
    tags = the(configuration(azure), "Deployment", "dagster-daemon")["spec"]["template"]["metadata"]["labels"]
    assert tags["azure.workload.identity/use"] == "true"


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        ("secret: x", "", "exactly one of `s3`, `gcs` and `azure`"),
        ("s3: {bucket: team}, gcs: {bucket: team}", "", "exactly one of"),
        ("s3: {}", ".s3.bucket", "bucket"),
        ("s3: {bucket: Team}", ".s3.bucket", "3 to 63 lower-case"),
        ("s3: {bucket: team, prefix: /x}", ".s3.prefix", "without a first or last `/`"),
        ("s3: {bucket: team, prefix: ../x}", ".s3.prefix", "a prefix such as"),
        ("s3: {bucket: team, region: 'EU 1'}", ".s3.region", "eu-central-1"),
        ("s3: {bucket: team, endpoint_url: minio.internal}", ".s3.endpoint_url", "https://minio.internal"),
        ("s3: {bucket: team, key: x}", ".s3.key", "key"),
        ("gcs: {bucket: google-x}", ".gcs.bucket", "3 to 222"),
        ("azure: {storage_account: te-am, container: x-1}", ".azure.storage_account", "3 to 24"),
        ("azure: {storage_account: team, container: x--1}", ".azure.container", "single dashes"),
        ("s3: {bucket: team}, secret: A_B", ".secret", "name of an object"),
    ],
)
def test_what_is_no_store_is_named_by_its_path(written: str, key: str, said: str) -> None:
    faults = faults_of(f"kubernetes: {{artifacts_store: {{{written}}}}}")
    fault = faults[f"kubernetes.artifacts_store{key}"]
    assert said in f"{fault.observed} {fault.cause} {fault.fix}"


def test_a_password_in_the_address_is_not_repeated() -> None:
    text = "kubernetes: {artifacts_store: {s3: {bucket: team, endpoint_url: 'https://a:hunter2@x'}}}"
    (fault,) = faults_of(text).values()
    assert "hunter2" not in fault.model_dump_json()


def test_a_candidate_whose_image_lacks_the_package_says_so(tmp_path: Path) -> None:
    """Otherwise its server comes up well, and every run of it fails."""
    document = {"kubernetes": {"artifacts_store": {"gcs": {"bucket": "team"}}}}
    found = configuration(yaml.safe_dump({**document, "code_locations": [{"name": "a"}]}))
    (main,) = release_of(found.locations[0], found)[0]["spec"]["template"]["spec"]["containers"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        main["command"], env={"PATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    finding = explain_exit("release/a-1", "exit code 1", ended.stderr)
    assert finding.observed == "The image lacks the package of the object store: dagster_gcp."
    assert finding.kind is FindingKind.CERTAIN


def test_an_isolated_location_is_known_by_its_own_account() -> None:
    found = configuration(
        """
        kubernetes: {artifacts_store: {gcs: {bucket: team}, service_account_annotations: {example.com/x: y}}}
        code_locations: [{name: a, isolation: true}]
        """
    )
    account = the(found, "ServiceAccount", "dagster-grpc-a")
    assert account["metadata"]["annotations"] == {"example.com/x": "y"}
    (location,) = found.locations
    spec = release_of(location, found)[0]["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "dagster-grpc-a"
