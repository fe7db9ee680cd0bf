"""The pinned versions: `python -m tests.constraints` resolves again and writes them down.

They stand in `constraints.txt`, for pip, and in `[tool.uv]` of `pyproject.toml`, the only place where uv
reads them. Only names, versions and markers: no index, no hashes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "constraints.txt"
PROJECT = ROOT / "pyproject.toml"
_TABLE = re.compile(r"constraint-dependencies = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)
_UV = str(Path(sys.executable).with_name("uv"))


def as_table(lines: list[str]) -> str:
    pins = "".join(f'    "{line}",\n' for line in lines)
    return f"constraint-dependencies = [\n{pins}]\n"


def written_in_project() -> list[str]:
    found = _TABLE.search(PROJECT.read_text())
    return re.findall(r'^    "(.*)",$', found.group(0), re.MULTILINE) if found else []


def written_in_file() -> list[str]:
    return [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]


def resolved() -> list[str]:
    """Return every package of every extra and group, as uv resolves them now."""
    command = ("export", "--quiet", "--no-hashes", "--no-emit-project", "--all-extras", "--all-groups")
    done = subprocess.run(
        [_UV, *command, "--no-header", "--no-annotate"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(line for line in done.stdout.splitlines() if "==" in line)


def write(lines: list[str]) -> None:
    head = "# Written by `python -m tests.constraints`; the same list stands in pyproject.toml for uv.\n"
    FILE.write_text(head + "\n".join(lines) + "\n")
    PROJECT.write_text(_TABLE.sub(lambda _: as_table(lines), PROJECT.read_text()))


if __name__ == "__main__":
    PROJECT.write_text(_TABLE.sub(lambda _: as_table([]), PROJECT.read_text()))
    subprocess.run([_UV, "lock", "--quiet", "--upgrade"], cwd=ROOT, check=True)
    write(resolved())
