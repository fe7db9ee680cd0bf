"""Where asset values are stored: on the claim or this machine, or in the object store that the stack has.

The code itself defines an IO manager; a project of yours that wants its values in the store does the same.
"""

import os

import dagster as dg


def resources() -> dict[str, dg.ConfigurableIOManager]:
    """Return the IO manager. Without a store Dagster's default writes to the instance's folder, as it does
    for Azure, where Dagster's IO manager needs an account with hierarchical namespaces."""
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
