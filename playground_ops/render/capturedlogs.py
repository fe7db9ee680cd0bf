"""Where Dagster keeps what runs print: on the claim, or in an object store by Dagster's own managers.

Dagster's reference, "dagster.yaml reference: compute log storage"; each manager's `config_type`.
"""

from __future__ import annotations

from playground_ops.config.store import ArtifactsStore
from playground_ops.render.names import ARTIFACTS_FOLDER, Object, present

STAGED = "/tmp/compute_logs"
"""In the pod: what a run prints until it is uploaded, and what a webserver has downloaded."""
UPLOAD_SECONDS = 10
"""How often what a run has printed so far is uploaded; Dagster's default is once, at the end of a step."""

_PACKAGES = {"s3": "dagster_aws", "gcs": "dagster_gcp", "azure": "dagster_azure"}
_CHECK = """\
python -c 'import importlib.util, sys
name, told = sys.argv[1], "The image lacks the package of the object store: "
importlib.util.find_spec(name) or sys.exit(told + name)' {package}
"""


def checked(script: str, store: ArtifactsStore | None) -> str:
    """A shell's script that fails at once where the image lacks the store's package.

    Dagster looks for it when a run begins: every run would fail, of a server that came up well.
    """
    return script if store is None else _CHECK.format(package=_PACKAGES[store.kind]) + script


def settings(store: ArtifactsStore | None) -> Object:
    """`compute_logs` of dagster.yaml. No credential is in it: processes find theirs in their environment."""
    if store is None:
        folder = {"base_dir": f"{ARTIFACTS_FOLDER}/compute_logs"}
        return _by("dagster._core.storage.local_compute_log_manager", "LocalComputeLogManager", folder)
    common = {"local_dir": STAGED, "upload_interval": UPLOAD_SECONDS}
    if store.s3:
        return _by(
            "dagster_aws.s3.compute_log_manager", "S3ComputeLogManager", store.s3.model_dump() | common
        )
    if store.gcs:
        config = store.gcs.model_dump() | common
        return _by("dagster_gcp.gcs.compute_log_manager", "GCSComputeLogManager", config)
    assert store.azure is not None, "a store is one of three"
    config = store.azure.model_dump(exclude={"access_key_variable"}) | common
    if store.azure.access_key_variable:
        config["access_key_or_sas_token"] = {"env": store.azure.access_key_variable}
    return _by("dagster_azure.blob.compute_log_manager", "AzureBlobComputeLogManager", config)


def _by(module: str, name: str, config: Object) -> Object:
    """The keys of a store are called as the manager calls them."""
    return {"module": module, "class": name, "config": present(**config)}
