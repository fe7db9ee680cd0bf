"""Asks git servers for their certificates: they must be signed by the authority that a Secret will have."""

import socket
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from playground_ops.core.errors import BadInput
from playground_ops.diagnose.authorities import not_of_it, trusting

HTTPS = 443
ANSWER_SECONDS = 5.0


def check(path: str, content: bytes, repositories: Iterable[str]) -> list[str]:
    """Return the servers that can't be asked from here, as `host:port`: they may be the cluster's own.

    Raises BadInput for those whose certificates these authorities did not sign.
    """
    servers = {urlsplit(url) for url in repositories if url.startswith("https://")}
    wrong, unasked = [], []
    for host, port in sorted({(one.hostname or "", one.port or HTTPS) for one in servers}):
        try:
            told = _told(content, host, port)
        except OSError:
            unasked.append(f"{host}:{port}")
            continue
        if told:
            wrong.append(not_of_it(path, f"{host}:{port}", told))
    if wrong:
        raise BadInput(*wrong)
    return unasked


def _told(content: bytes, host: str, port: int) -> str:
    """Return why the certificate is not good; empty where it is. Raises OSError where nobody answers so."""
    with socket.create_connection((host, port), ANSWER_SECONDS) as reached:
        try:
            with trusting(content).wrap_socket(reached, server_hostname=host):
                return ""
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
