"""Where asset values lie: on the claim or this machine, or in the object store that the stack has.

An IO manager is the code's own; a project of yours that wants its values in the store does the same.
"""

import os

import dagster as dg


def resources() -> dict[str, dg.ConfigurableIOManager]:
    """None where there is no store: Dagster's default writes to the instance's folder, as also for Azure,
    where Dagster's IO manager wants an account with hierarchical namespaces."""
    bucket = os.environ.get("PLAYGROUND_ARTIFACTS_BUCKET", "")
    prefix = f"{os.environ.get('PLAYGROUND_ARTIFACTS_PREFIX')}/values"
    match os.environ.get("PLAYGROUND_ARTIFACTS"):
        case "s3":
            from dagster_aws.s3 import S3PickleIOManager, S3Resource

            s3 = S3Resource(endpoint_url=os.environ.get("PLAYGROUND_ARTIFACTS_ENDPOINT_URL"))
            return {"io_manager": S3PickleIOManager(s3_resource=s3, s3_bucket=bucket, s3_prefix=prefix)}
        case "gcs":
            from dagster_gcp.gcs import GCSPickleIOManager, GCSResource

            return {"io_manager": GCSPickleIOManager(gcs=GCSResource(), gcs_bucket=bucket, gcs_prefix=prefix)}
    return {}
