"""Serves on this machine for as long as a test lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

LOOK_SECONDS = 0.02
"""How long its end may have to wait."""


@contextmanager
def served(server: BaseServer) -> Iterator[None]:
    """Serve in a thread of its own, and close the server at the end."""
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
