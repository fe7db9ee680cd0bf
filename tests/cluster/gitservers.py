"""Git servers on this machine that pods reach: anonymous, by password over HTTP or HTTPS, by SSH key.

Git's own programs and OpenSSH's own server; all repositories lie below one folder.
"""

from __future__ import annotations

import contextlib
import getpass
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import trustme

from tests.cluster.needs import tool
from tests.cluster.network import DOMAIN, HOST
from tests.local.git_servers import http_server

NAME = f"git.{DOMAIN}"
USER, PASSWORD = "reader", "correct horse battery staple"
START_SECONDS = 20.0


@dataclass(frozen=True)
class SshAccess:
    url: str
    """The URL of the folder with the repositories; append `/NAME`."""
    key: str
    """A private key that is let in."""
    stranger: str
    """A private key that is not."""
    known_hosts: str


@contextlib.contextmanager
def anonymous(root: Path, port: int = 0) -> Iterator[str]:
    """Run `git daemon` and yield the folder's URL. `port`: that of an earlier server that comes back."""
    port = port or _free_port()
    # Not through `git`, which would leave it behind when it is killed.
    programs = subprocess.run([tool("git"), "--exec-path"], check=True, capture_output=True, text=True).stdout
    command = [f"{programs.strip()}/git-daemon", "--reuseaddr", "--export-all", f"--base-path={root}"]
    with _server([*command, f"--listen={HOST}", f"--port={port}", str(root)], port):
        yield f"git://{NAME}:{port}"


@contextlib.contextmanager
def by_password(root: Path) -> Iterator[str]:
    """Serve over HTTP, only for USER with PASSWORD."""
    with http_server(root, user=USER, password=PASSWORD, address=HOST) as url:
        yield url.replace(HOST, NAME)


@contextlib.contextmanager
def by_password_over_tls(root: Path) -> Iterator[tuple[str, str]]:
    """Serve over HTTPS, only for USER with PASSWORD. Yields the URL, and its unknown authority's PEM."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, HOST).configure_cert(context)
    with http_server(root, user=USER, password=PASSWORD, address=HOST, tls=context) as url:
        yield url.replace(HOST, NAME), authority.cert_pem.bytes().decode()


@contextlib.contextmanager
def by_ssh(root: Path, work: Path) -> Iterator[SshAccess]:
    """Run OpenSSH's server, which runs nothing but git. `work` is an empty folder for its keys."""
    for name in ("host", "user", "stranger"):
        quiet = ["-q", "-t", "ed25519", "-N", "", "-C", name]
        subprocess.run([tool("ssh-keygen"), *quiet, "-f", str(work / name)], check=True)
    shell = 'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\""'
    (work / "authorized_keys").write_text(f"{shell} {(work / 'user.pub').read_text()}")
    port = _free_port()
    settings = work / "sshd_config"
    settings.write_text(
        f"""ListenAddress {HOST}:{port}
HostKey {work / "host"}
AuthorizedKeysFile {work / "authorized_keys"}
AuthenticationMethods publickey
PermitRootLogin forced-commands-only
StrictModes no
UsePAM no
PidFile none
"""
    )
    # It requires a folder in /run: one of its own.
    script = 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$@"'
    apart = [tool("unshare"), "--mount", "sh", "-ec", script, "sh"]
    with _server([*apart, tool("sshd"), "-D", "-e", "-f", str(settings)], port):
        kind, public = (work / "host.pub").read_text().split()[:2]
        yield SshAccess(
            url=f"ssh://{getpass.getuser()}@{NAME}:{port}{root}",
            key=(work / "user").read_text(),
            stranger=(work / "stranger").read_text(),
            known_hosts=f"[{NAME}]:{port} {kind} {public}\n[{HOST}]:{port} {kind} {public}\n",
        )


@contextlib.contextmanager
def _server(command: list[str], port: int) -> Iterator[None]:
    """Run a server until the block ends; the kernel ends it when this process dies.

    What it says goes to a file: it says something of each connection, and would stand still in front of a
    pipe that is full.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [tool("setpriv"), "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        try:
            _wait_until_it_listens(process, port, said)
            yield
        finally:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, said: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said.seek(0)
            raise RuntimeError(f"{process.args!r} ended: {said.read().decode(errors='replace')}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{process.args!r} does not listen")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])
