"""An object store for what outlives pods: its keys in the file, and what a pod needs to reach it."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from playground_ops.config import kubernetes_rules, rules
from playground_ops.config.section import Section
from playground_ops.config.shape import Matching, Shape
from playground_ops.core.pod_settings import PodSettings, Volume

VARIABLE = "PLAYGROUND_ARTIFACTS"
"""Prefix of the variables that tell code where to store its values."""
FOLDER, FILE = "/etc/artifacts-store", "credentials.json"
"""Where the Secret for GCS is mounted, and its key: Dagster's log manager for GCS only takes a file."""
VOLUME = "artifacts-store"
ACCOUNT = "dagster-code"
"""The account of webserver, daemon and code where a cloud identifies pods by their account."""
_PART = re.compile(r"[A-Za-z0-9!_.*'()-]+")
"""Characters that every store takes in the key of an object (Amazon S3, "Naming objects")."""


def _prefix(value: str) -> str:
    parts = value.split("/")
    if len(value) > 200 or not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
        raise ValueError("a prefix such as `dagster` or `team/dagster`, without a first or last `/`")
    return value


def _endpoint(value: str) -> str:
    try:
        found = urlsplit(value)
        plain = found.scheme in ("http", "https") and found.hostname and found.port != 0
    except ValueError:
        plain = False
    if not plain or "@" in value or found.query or found.fragment or not re.fullmatch(r"[!-~]+", value):
        raise ValueError("an address such as `https://minio.internal:9000`, without a name or password")
    return value


S3Bucket = Annotated[
    rules.AsWritten,
    Matching(
        r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "a bucket: 3 to 63 lower-case letters, digits, dashes and dots",
    ),
    Shape("name"),
]
"""Amazon S3, "General purpose bucket naming rules"."""
GCSBucket = Annotated[
    rules.AsWritten,
    Matching(
        r"(?!goog)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]",
        "a bucket: 3 to 222 lower-case letters, digits, dashes, underscores and dots",
    ),
    Shape("name"),
]
"""Google Cloud Storage, "Bucket names"."""
StorageAccount = Annotated[
    rules.AsWritten,
    Matching(r"[a-z0-9]{3,24}", "a storage account: 3 to 24 lower-case letters and digits"),
    Shape("name"),
]
Container = Annotated[
    rules.AsWritten,
    Matching(
        r"[a-z0-9](-?[a-z0-9]){2,62}", "a container: 3 to 63 lower-case letters, digits and single dashes", 63
    ),
    Shape("name"),
]
"""Azure Storage, "Naming and referencing containers, blobs, and metadata"."""
Prefix = Annotated[rules.AsWritten, AfterValidator(_prefix), Shape("path", r"[^/].*", 200)]
Region = Annotated[str, Matching(r"[a-z0-9-]+", "a region such as `eu-central-1`"), Shape("text")]
Endpoint = Annotated[str, AfterValidator(_endpoint), Shape("URL", r"[hH][tT][tT][pP][sS]?://[^\s@]+")]


class S3(Section):
    bucket: S3Bucket
    """The bucket's name."""
    prefix: Prefix = "dagster"
    """The first part of all keys that the stack writes there."""
    region: Region | None = None
    """The bucket's region."""
    endpoint_url: Endpoint | None = None
    """Another server that speaks S3. Default: Amazon's."""


class GCS(Section):
    bucket: GCSBucket
    """The bucket's name."""
    prefix: Prefix = "dagster"
    """The first part of all keys that the stack writes there."""


class AzureBlob(Section):
    storage_account: StorageAccount
    """The account's name."""
    container: Container
    """The container's name."""
    prefix: Prefix = "dagster"
    """The first part of all keys that the stack writes there."""
    access_key_variable: rules.EnvironmentName | None = None
    """The variable with an access key or SAS token; without it, what DefaultAzureCredential finds."""


class ArtifactsStore(Section):
    """Exactly one of the three."""

    s3: S3 | None = None
    """Amazon S3, or a server that speaks it. Exactly one of `s3`, `gcs` and `azure` is given."""
    gcs: GCS | None = None
    """Google Cloud Storage."""
    azure: AzureBlob | None = None
    """Azure Blob Storage."""
    secret: kubernetes_rules.SecretName | None = None
    """The credentials ([its keys](kubernetes.md#an-object-store)); without it pods are known by their
    account."""
    service_account_annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)
    """By which a cloud knows the pods instead, such as `eks.amazonaws.com/role-arn`."""

    @model_validator(mode="after")
    def _is_one_store(self) -> ArtifactsStore:
        if sum(one is not None for one in (self.s3, self.gcs, self.azure)) != 1:
            raise ValueError("exactly one of `s3`, `gcs` and `azure`")
        return self

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
        """Return the audiences of tokens from a cloud's webhook (EKS; Azure Workload Identity)."""
        if not self.service_account_annotations:
            return ()
        return {"s3": ("sts.amazonaws.com",), "azure": ("api://AzureADTokenExchange",), "gcs": ()}[self.kind]

    def given(self, pod: PodSettings, account: str | None = ACCOUNT) -> PodSettings:
        """Add what reaches the store; a person's settings win. `account`: None if the pod has one."""
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
