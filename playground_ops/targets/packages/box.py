"""Runs programs that a repository or a package brings: without the installer's variables, or in a box.

Builds run the code of their authors. On one machine they run as the user that later runs the location, so
they are kept from credentials in variables alone. In a pod, where credentials of the package index and the
environments of other locations are in reach, they run in a box (`in_box.py`).
"""

import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from playground_ops.core.errors import Finding, PlaygroundError, certain
from playground_ops.core.target import Say
from playground_ops.targets.common.command import Finished, Inherited, TimedOut, run
from playground_ops.targets.packages import in_box
from playground_ops.targets.packages.uv import BUILD_SECONDS, too_slow

_KEPT = (
    *("PATH", "LANG", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH"),
    *("CC", "CXX", "AR", "LD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "PKG_CONFIG_PATH", "MAKEFLAGS"),
    *("LD_LIBRARY_PATH", "JAVA_HOME", "CARGO_HOME", "RUSTUP_HOME", "MACOSX_DEPLOYMENT_TARGET"),
)
"""Variables of the machine that builds may need, and that hold no secrets."""
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/dev/urandom", "/dev/random", "/dev/zero"),
    *(f"/etc/{name}" for name in ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d")),
    *(
        f"/etc/{name}"
        for name in ("passwd", "group", "nsswitch.conf", "localtime", "mime.types", "os-release")
    ),
)


class Box(Enum):
    """Where builds run."""

    NONE = "as any process of this user"
    WHERE_POSSIBLE = "in a box if the kernel has one"
    ALWAYS = "in a box, or not at all"


@dataclass(frozen=True)
class Foreign:
    """How programs that others wrote are run, for `thing`.

    `work`: their working folder; `home` and `tmp` are in it.
    """

    thing: str
    work: Path
    box: Box
    say: Say = lambda line: None
    keep: Sequence[int] = ()
    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()

    def run(self, command: Sequence[str], more: Mapping[str, str] = MappingProxyType({})) -> Finished:
        """Run it in `work`; its output is among its words. `more` are further variables.

        Raises PlaygroundError when its time is over, or where it may only run in a box and there is none.
        """
        for folder in (self.work / "home", self.work / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
        variables |= {"HOME": str(self.work / "home"), "TMPDIR": str(self.work / "tmp"), "LC_ALL": "C.UTF-8"}
        variables |= {"NETRC": os.devnull, "PYTHONDONTWRITEBYTECODE": "1", **more}
        inherited = Inherited(variables, self.work, self.keep, output_is_words=True)
        try:
            return run([*self._confined(), *command], inherited, seconds=BUILD_SECONDS, hear=self.say)
        except TimedOut as error:
            raise PlaygroundError(too_slow(self.thing, BUILD_SECONDS, error.words)) from error

    def _confined(self) -> list[str]:
        if self.box is Box.NONE:
            return []
        if in_box.landlock_version() < 1:
            if self.box is Box.WHERE_POSSIBLE:
                return []
            raise PlaygroundError(_no_box(self.thing))
        readable = [*_SYSTEM, *_of_python(), *map(str, self.readable)]
        named = [part for path in readable for part in ("--read", path)]
        writable = (self.work, *self.writable, os.devnull)
        named += [part for path in writable for part in ("--write", str(path))]
        return [sys.executable, "-I", "-S", str(Path(in_box.__file__)), *named, "--"]


def _of_python() -> list[str]:
    """Return the folders of the Python that this runs on; those of its packages may be elsewhere."""
    places = {sys.base_prefix, sys.prefix, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))}
    return sorted({os.path.realpath(place) for place in places} - {os.path.sep})


def _no_box(thing: str) -> Finding:
    return certain(
        object=thing,
        observed="It needs a build, and this node's kernel has nothing that keeps a build from credentials.",
        cause="The build would run beside the credentials of the package index. Linux 5.13 and later keep it "
        "from them by Landlock, which this kernel lacks, or the container runtime forbids.",
        fix="Run the location on other nodes, remove `secret` from `kubernetes: packages:`, or have wheels "
        "of what is built on the index.",
    )
