"""A node without its software: processes in PID, mount, network and UTS namespaces of their own.

When the first process of a PID namespace dies, the kernel kills the rest, and takes the node's mounts
and network interfaces along. So nothing of a node outlives it but its control groups.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.cluster import cgroups
from tests.cluster.needs import tool
from tests.cluster.places import cache, run_folder

BOOT = """
for group in $CGROUPS; do echo 0 > "$group/cgroup.procs"; done
hostname "$NAME"
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/lock /run/upper /run/work /run/cache /run/tunables
# What programs leave below /var stays in memory; what was built, and the stores, on the disk.
mount --bind "$CACHE" /run/cache
mount -t overlay overlay -o lowerdir=/var,upperdir=/run/upper,workdir=/run/work /var
mount --bind /run/cache "$CACHE"
# Kubelet insists on these, and they are not the node's own but the whole machine's.
tunable() {
  file=/run/tunables/"${1##*/}"
  printf '%s\\n' "$2" > "$file"
  mount --bind "$file" /proc/sys/"$1"
}
tunable vm/overcommit_memory 1
tunable vm/panic_on_oom 0
tunable kernel/panic 10
tunable kernel/panic_on_oops 1
tunable kernel/keys/root_maxkeys 1000000
tunable kernel/keys/root_maxbytes 25000000
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
touch "$READY"
exec "$INIT"
"""
MARK = "PLAYGROUND_CLUSTER_OF"
"""A variable of every process of a cluster but those of its pods: the cluster's folder."""
ALONE = 'echo $$ > "$0"; exec "$@"'
"""Its parent ends at once: the node's first process reaps it, whatever happens to who started it."""
BOOT_SECONDS = 20.0
GARBAGE = {"GOGC": "400"}
"""Go's programs collect garbage less often: memory is there, the two processors are what tests wait for."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Process:
    """A process that can be identified after this one has ended: by its id and its birth."""

    pid: int
    birth: float

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def alive(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid)
            return found.create_time() == self.birth and found.status() != psutil.STATUS_ZOMBIE
        return False

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)


class Machine:
    def __init__(self, name: str, folder: Path) -> None:
        """Name it; `folder` holds its logs and the ids of its processes."""
        self.name, self.folder = name, folder

    @property
    def init(self) -> Process | None:
        """Return its first process; None when it is not up."""
        return self.process("init")

    def boot(self, init: Path) -> int:
        """Start it with the program `init` as first process. Returns its process id on this machine."""
        groups = cgroups.make(self.name)
        self.folder.mkdir(parents=True)
        for name in ("logs", "processes"):
            (self.folder / name).mkdir()
        ready = self.folder / "ready"
        settings = {
            "CGROUPS": " ".join(map(str, groups)),
            "NAME": self.name,
            "CACHE": str(cache()),
            "READY": str(ready),
            "INIT": str(init),
        }
        apart = [tool("unshare"), "--pid", "--mount", "--net", "--uts", "--fork", "--kill-child"]
        holder = self._spawn("boot", [*apart, "sh", "-ec", BOOT], settings)
        deadline = time.monotonic() + BOOT_SECONDS
        while not ready.exists():
            if holder.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not boot: {self.log('boot')}")
            time.sleep(0.01)
        (child,) = psutil.Process(holder.pid).children()
        self._remember("init", child.pid)
        return child.pid

    def start(self, name: str, *argv: str | Path) -> None:
        """Start a program in it; it goes on when this process ends. Raises RuntimeError."""
        told = self.folder / "processes" / f".{name}.inside"
        told.unlink(missing_ok=True)
        alone = ["setsid", "--fork", "sh", "-ec", ALONE, str(told)]
        entered = self._spawn(name, [*self._entering(), *alone, *map(str, argv)], {})
        if entered.wait() != 0:
            raise RuntimeError(f"{name} could not be started in {self.name}: {self.log(name)}")
        deadline = time.monotonic() + BOOT_SECONDS
        while not (told.exists() and told.read_text().endswith("\n")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start in {self.name}: {self.log(name)}")
            time.sleep(0.002)
        self._remember(name, self._from_outside(int(told.read_text())))

    def _from_outside(self, inside: int) -> int:
        """Return the id on this machine of the process that has the id `inside` in the node."""
        init = self.init
        assert init is not None, f"{self.name} is not up"
        space = (Path("/proc") / str(init.pid) / "ns" / "pid").readlink()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (folder / "ns" / "pid").readlink() == space:
                    ids = re.search(r"^NSpid:.*\t(\d+)$", (folder / "status").read_text(), re.MULTILINE)
                    if ids and int(ids[1]) == inside:
                        return int(folder.name)
        raise RuntimeError(f"process {inside} of {self.name} has ended already")

    def run(self, *argv: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in it to its end."""
        return subprocess.run(
            [*self._entering(), *map(str, argv)], check=check, capture_output=True, text=True, cwd="/"
        )

    def _entering(self) -> list[str]:
        init = self.init
        assert init is not None, f"{self.name} is not up"
        return [tool("nsenter"), f"--target={init.pid}", "--pid", "--mount", "--net", "--uts", "--"]

    def _spawn(self, name: str, argv: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                argv,
                env={"PATH": PATH, "HOME": "/root", MARK: str(run_folder()), **GARBAGE, **env},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )

    def process(self, name: str) -> Process | None:
        """Return a program started in it; None when it is not running."""
        found = self._known(name)
        return found if found and found.alive else None

    def programs(self) -> dict[str, Process]:
        """Return all programs started in it, dead or alive."""
        if not (self.folder / "processes").is_dir():
            return {}
        names = (path.name for path in (self.folder / "processes").iterdir())
        found = {name: self._known(name) for name in names if name != "init" and not name.startswith(".")}
        return {name: process for name, process in sorted(found.items()) if process}

    def stop(self, name: str, number: signal.Signals = signal.SIGKILL, timeout_seconds: float = 30.0) -> None:
        """Send the signal, wait for the program's end, and forget it. Raises TimeoutError."""
        found = self.process(name)
        (self.folder / "processes" / name).unlink(missing_ok=True)
        if found is None:
            return
        found.send(number)
        deadline = time.monotonic() + timeout_seconds
        while found.alive:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} on {self.name} did not end within {timeout_seconds:g} s")
            time.sleep(0.01)

    def kill(self) -> None:
        """End all of it at once."""
        init = self.init
        if init is not None:
            init.send(signal.SIGKILL)

    def log(self, name: str, lines: int = 30) -> str:
        try:
            text = (self.folder / "logs" / f"{name}.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _known(self, name: str) -> Process | None:
        try:
            return Process(**json.loads((self.folder / "processes" / name).read_text()))
        except FileNotFoundError:
            return None

    def _remember(self, name: str, pid: int) -> None:
        file = self.folder / "processes" / name
        fresh = file.with_name(f".{name}")
        fresh.write_text(json.dumps(vars(Process.of(pid))))
        fresh.replace(file)
