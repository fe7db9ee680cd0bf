"""An object store for what outlives pods: which one, and what a pod gets to reach it. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from playground_ops.pods import PodSettings, Volume
from playground_ops.value import Value

VARIABLE = "PLAYGROUND_ARTIFACTS"
"""Variables that begin so tell the code where its values can lie."""
FOLDER, FILE = "/etc/artifacts-store", "credentials.json"
"""Where the Secret for GCS is mounted, and its key: Dagster's log manager for GCS takes a file alone."""
VOLUME = "artifacts-store"
ACCOUNT = "dagster-code"
"""Of webserver, daemon and code, where a cloud knows pods by their account."""


class S3(Value):
    bucket: str
    prefix: str = "dagster"
    region: str | None = None
    endpoint_url: str | None = None
    """Of a server that speaks S3 and is not Amazon's."""


class GCS(Value):
    bucket: str
    prefix: str = "dagster"


class AzureBlob(Value):
    storage_account: str
    container: str
    prefix: str = "dagster"
    access_key_variable: str | None = None
    """The variable with an access key or SAS token; None: what DefaultAzureCredential finds."""


class ArtifactsStore(Value):
    """Exactly one of the three."""

    s3: S3 | None = None
    gcs: GCS | None = None
    azure: AzureBlob | None = None
    secret: str | None = None
    """None: pods are known by their account."""
    service_account_annotations: dict[str, str] = Field(default_factory=dict)

    @property
    def kind(self) -> Literal["s3", "gcs", "azure"]:
        return "s3" if self.s3 else "gcs" if self.gcs else "azure"

    @property
    def variables(self) -> dict[str, str]:
        found: dict[str, str | None] = {"": self.kind}
        more: dict[str, str | None] = {}
        if self.s3:
            found |= {"_BUCKET": self.s3.bucket, "_PREFIX": self.s3.prefix}
            found["_ENDPOINT_URL"] = self.s3.endpoint_url
            more["AWS_DEFAULT_REGION"] = self.s3.region
        elif self.gcs:
            found |= {"_BUCKET": self.gcs.bucket, "_PREFIX": self.gcs.prefix}
            more["GOOGLE_APPLICATION_CREDENTIALS"] = f"{FOLDER}/{FILE}" if self.secret else None
        elif self.azure:
            found |= {"_ACCOUNT": self.azure.storage_account, "_BUCKET": self.azure.container}
            found["_PREFIX"] = self.azure.prefix
        named = {f"{VARIABLE}{name}": value for name, value in found.items()}
        return {name: value for name, value in (named | more).items() if value is not None}

    @property
    def audiences(self) -> tuple[str, ...]:
        """Of the tokens that a cloud's webhook gives to pods (EKS; Azure Workload Identity)."""
        if not self.service_account_annotations:
            return ()
        return {"s3": ("sts.amazonaws.com",), "azure": ("api://AzureADTokenExchange",), "gcs": ()}[self.kind]

    def given(self, pod: PodSettings, account: str | None = ACCOUNT) -> PodSettings:
        """The pod with what reaches the store. What a person set of it goes before.

        `account`: None for pods that have one of their own.
        """
        changed: dict[str, object] = {"environment": {**self.variables, **pod.environment}}
        if self.secret and self.gcs:
            volume = Volume(name=VOLUME, path=FOLDER, secret=self.secret)
            changed["volumes"] = (*pod.volumes, volume)
        elif self.secret:
            others = (name for name in pod.environment_from_secrets if name != self.secret)
            changed["environment_from_secrets"] = (self.secret, *others)
        if self.service_account_annotations:
            changed["service_account"] = account
            if self.azure:
                changed["labels"] = {**pod.labels, "azure.workload.identity/use": "true"}
        return pod.model_copy(update=changed)
