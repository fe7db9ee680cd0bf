"""A server that speaks S3, on an address of this machine: moto's, with its objects in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "a secret of tests"}


@dataclass(frozen=True)
class Bucket:
    url: str
    """The server's URL, with an IP address, so that the bucket is no part of the host."""
    name: str

    def objects(self) -> list[str]:
        found = self._client().list_objects_v2(Bucket=self.name)
        return [one["Key"] for one in found.get("Contents", ())]

    def make(self) -> None:
        self._client().create_bucket(Bucket=self.name)

    def _client(self):  # type: ignore[no-untyped-def]
        words = {name.lower(): value for name, value in KEYS.items()}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **words)


@contextmanager
def a_bucket(name: str, address: str = "127.0.0.1") -> Iterator[Bucket]:
    server = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
    server.start()
    try:
        found = Bucket("http://{}:{}".format(*server.get_host_and_port()), name)
        found.make()
        yield found
    finally:
        server.stop()
        s3_backends.reset()
