"""Delays packets: `python delay.py DEVICE ADDRESS MILLISECONDS`, in a node's network namespace.

Packets for the address are routed into a TUN device, kept here for that long, and given back, whereupon they
go their usual way. (The kernel's own means, netem, is not in every kernel.)
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES = 65536
TABLE = "177"


def opened(device: str) -> int:
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def lead(device: str, address: str) -> None:
    """Route all packets for the address into the device, except for those that come out of it."""
    for command in (
        f"ip link set {device} up",
        f"ip route add {address} dev {device} table {TABLE}",
        f"ip rule add iif {device} lookup main priority 100",
        f"ip rule add to {address} lookup {TABLE} priority 200",
    ):
        subprocess.run(command.split(), check=True)


def forward(tun: int, seconds: float) -> None:
    waiting: deque[tuple[float, bytes]] = deque()
    while True:
        left = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        if select.select([tun], [], [], left)[0]:
            waiting.append((time.monotonic() + seconds, os.read(tun, PACKET_BYTES)))
        while waiting and waiting[0][0] <= time.monotonic():
            os.write(tun, waiting.popleft()[1])


if __name__ == "__main__":
    descriptor = opened(sys.argv[1])
    lead(sys.argv[1], sys.argv[2])
    print("ready", flush=True)
    forward(descriptor, float(sys.argv[3]) / 1000)
