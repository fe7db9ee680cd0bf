"""The keys of an object store."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from playground_ops.config import kubernetes_rules, rules
from playground_ops.config.section import EnvironmentName, Section
from playground_ops.config.written import text_of

_PART = re.compile(r"[A-Za-z0-9!_.*'()-]+")
"""Of an object's key: characters that are safe in every store (Amazon S3, "Naming objects")."""


def _s3_bucket(value: str) -> str:
    """Amazon S3, "General purpose bucket naming rules"."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) or ".." in value:
        raise ValueError("a bucket: 3 to 63 lower-case letters, digits, dashes and dots")
    return value


def _gcs_bucket(value: str) -> str:
    """Google Cloud Storage, "Bucket names"."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", value) or value.startswith("goog"):
        raise ValueError("a bucket: 3 to 222 lower-case letters, digits, dashes, underscores and dots")
    return value


def _storage_account(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{3,24}", value):
        raise ValueError("a storage account: 3 to 24 lower-case letters and digits")
    return value


def _container(value: str) -> str:
    """Azure Storage, "Naming and referencing containers, blobs, and metadata"."""
    if not re.fullmatch(r"[a-z0-9](-?[a-z0-9]){2,62}", value) or len(value) > 63:
        raise ValueError("a container: 3 to 63 lower-case letters, digits and single dashes")
    return value


def _prefix(value: str) -> str:
    parts = value.split("/")
    if len(value) > 200 or not all(_PART.fullmatch(part) and part.strip(".") for part in parts):
        raise ValueError("a prefix such as `dagster` or `team/dagster`, without a first or last `/`")
    return value


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", value):
        raise ValueError("a region such as `eu-central-1`")
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


Prefix = Annotated[str, BeforeValidator(text_of), AfterValidator(_prefix)]


class S3Section(Section):
    bucket: Annotated[str, BeforeValidator(text_of), AfterValidator(_s3_bucket)]
    prefix: Prefix = "dagster"
    region: Annotated[str, AfterValidator(_region)] | None = None
    endpoint_url: Annotated[str, AfterValidator(_endpoint)] | None = None


class GCSSection(Section):
    bucket: Annotated[str, BeforeValidator(text_of), AfterValidator(_gcs_bucket)]
    prefix: Prefix = "dagster"


class AzureSection(Section):
    storage_account: Annotated[str, BeforeValidator(text_of), AfterValidator(_storage_account)]
    container: Annotated[str, BeforeValidator(text_of), AfterValidator(_container)]
    prefix: Prefix = "dagster"
    access_key_variable: EnvironmentName | None = None


class ArtifactsStoreSection(Section):
    s3: S3Section | None = None
    gcs: GCSSection | None = None
    azure: AzureSection | None = None
    secret: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.object_name)] | None = (
        None
    )
    service_account_annotations: dict[
        Annotated[str, AfterValidator(kubernetes_rules.own_label_key)],
        Annotated[str, BeforeValidator(text_of), AfterValidator(rules.text)],
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one_store(self) -> ArtifactsStoreSection:
        if sum(one is not None for one in (self.s3, self.gcs, self.azure)) != 1:
            raise ValueError("exactly one of `s3`, `gcs` and `azure`")
        return self
