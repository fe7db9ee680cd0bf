"""A TLS server that shows a certificate and answers nothing: an Ingress controller in front of nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trustme


@contextmanager
def showing(certificate: trustme.LeafCert, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Serve on the port, or a free one where none is given. Yields it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)

    def serve() -> None:
        while True:
            try:
                reached, _ = listening.accept()
            except OSError:
                return
            with reached, suppress(OSError):  # the client did not accept it
                reached.settimeout(10)
                context.wrap_socket(reached, server_side=True).close()

    with socket.create_server((address, port)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
