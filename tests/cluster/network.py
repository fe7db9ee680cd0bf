"""Addresses and links. All addresses are from the ranges reserved for tests (RFC 5737, RFC 2544).

The machine sees one veth link and two routes through it; both vanish with the first node's namespace.
Every pod has a link of its own to its node, so that all its traffic is routed there and can be dropped
or slowed down there.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from tests.cluster.needs import tool
from tests.cluster.places import instance

_NUMBER = instance()
HOST = f"198.51.100.{16 * _NUMBER + 2}"
"""The machine as pods see it: where the tests' git servers listen."""
NODES = {"node1": f"198.51.100.{16 * _NUMBER + 1}", "node2": f"198.51.100.{16 * _NUMBER + 6}"}
BETWEEN_NODES = f"198.51.100.{16 * _NUMBER + 5}"
PODS, SERVICES = f"198.18.{16 * _NUMBER}.0/20", f"198.19.{16 * _NUMBER}.0/20"
PODS_OF = {name: f"198.18.{16 * _NUMBER + number}.0/24" for number, name in enumerate(NODES)}
API_SERVICE = f"198.19.{16 * _NUMBER}.1"
API_PORT = 6443
HOST_LINK, NODE_LINK = f"pgk{_NUMBER}", "uplink"
DOMAIN = "playground.test"
"""`<name>.playground.test` is the machine, as seen from pods."""


def ip(*arguments: str, inside: int | None = None) -> None:
    """Run `ip ARGUMENTS`, in the network namespace of the process `inside`."""
    enter = [tool("nsenter"), f"--net=/proc/{inside}/ns/net"] if inside else []
    subprocess.run([*enter, tool("ip"), *arguments], check=True, capture_output=True, text=True)


def join_machine(node: int) -> None:
    """Link the first node, whose first process is `node`, with the machine."""
    ip("link", "add", HOST_LINK, "type", "veth", "peer", "name", NODE_LINK, "netns", str(node))
    ip("addr", "add", f"{HOST}/30", "dev", HOST_LINK)
    ip("link", "set", HOST_LINK, "up")
    ip("addr", "add", f"{NODES['node1']}/30", "dev", NODE_LINK, inside=node)
    ip("link", "set", NODE_LINK, "up", inside=node)
    ip("route", "add", "default", "via", HOST, inside=node)
    for wanted in (PODS, SERVICES):
        ip("route", "add", wanted, "via", NODES["node1"])


def leave_machine() -> None:
    """Remove the link at once: by itself it goes some time after the node."""
    if (Path("/sys/class/net") / HOST_LINK).exists():
        with contextlib.suppress(subprocess.CalledProcessError):  # it went meanwhile
            ip("link", "del", HOST_LINK)


def join_nodes(first: int, second: int) -> None:
    """Link the second node with the first, which forwards for it."""
    ip(
        "link",
        "add",
        "to-node2",
        "type",
        "veth",
        "peer",
        "name",
        NODE_LINK,
        "netns",
        str(second),
        inside=first,
    )
    ip("addr", "add", f"{BETWEEN_NODES}/30", "dev", "to-node2", inside=first)
    ip("link", "set", "to-node2", "up", inside=first)
    ip("addr", "add", f"{NODES['node2']}/30", "dev", NODE_LINK, inside=second)
    ip("link", "set", NODE_LINK, "up", inside=second)
    ip("route", "add", "default", "via", BETWEEN_NODES, inside=second)
    ip("route", "add", PODS_OF["node2"], "via", NODES["node2"], inside=first)
    ip("route", "replace", f"{NODES['node2']}/32", "via", NODES["node1"])
