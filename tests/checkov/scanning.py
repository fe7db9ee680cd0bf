"""checkov, in an environment of its own that uv makes: the project does not need its dependencies."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
import yaml

from playground_ops.targets.packages.uv import find_uv
from tests.session.deadlines import stretched

VERSION = "3.3.30"
PYTHON = ">=3.10,<3.13"
"""The newest version that this checkov supports is 3.12."""
INSTALL_SECONDS, SCAN_SECONDS = 240, 120
EXCEPTIONS = Path(__file__).parent / "exceptions.yaml"


class Found(NamedTuple):
    check: str
    name: str
    object: str
    """The object as `Kind/name`."""


class Excepted(NamedTuple):
    check: str
    name: str
    objects: Sequence[str]
    """Patterns of `Kind/name`."""
    because: str


def install() -> None:
    """Install checkov. Only this needs a network, and only the first time on a machine."""
    ended = _checkov([], ["--version"], INSTALL_SECONDS)
    if ended.returncode != 0:
        _unavailable(f"checkov {VERSION} could not be installed: {ended.stderr[-2000:]}")


def scan(folder: Path) -> tuple[list[Found], int]:
    """Return the findings in its YAML files, and how many objects were checked. Works offline."""
    arguments = ["--directory", str(folder), "--framework", "kubernetes", "--output", "json"]
    ended = _checkov(["--offline"], [*arguments, "--skip-download", "--quiet", "--compact"], SCAN_SECONDS)
    assert ended.returncode in (0, 1), ended.stderr[-4000:]
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["summary"]["parsing_errors"] == 0, told["results"].get("parsing_errors")
    failed = told["results"]["failed_checks"]
    found = {Found(one["check_id"], one["check_name"], _title(one["resource"])) for one in failed}
    return sorted(found), told["summary"]["resource_count"]


def exceptions() -> list[Excepted]:
    return [Excepted(**one) for one in yaml.safe_load(EXCEPTIONS.read_text())]


def unexcepted(found: Collection[Found], excepted: Sequence[Excepted]) -> list[Found]:
    return [one for one in found if not any(_covers(rule, one) for rule in excepted)]


def unused(found: Collection[Found], excepted: Sequence[Excepted]) -> list[tuple[str, str]]:
    """Return check and pattern of exceptions for which nothing was found."""
    return [
        (rule.check, pattern)
        for rule in excepted
        for pattern in rule.objects
        if not any(_covers(rule._replace(objects=[pattern]), one) for one in found)
    ]


def _covers(rule: Excepted, one: Found) -> bool:
    of_check = (rule.check, rule.name) == (one.check, one.name)
    return of_check and any(fnmatchcase(one.object, pattern) for pattern in rule.objects)


def _title(resource: str) -> str:
    """Read `Kind.namespace.name`; the namespace may be missing, and names may have dots."""
    kind, _, rest = resource.partition(".")
    return f"{kind}/{rest.partition('.')[2] or rest}"


def _checkov(
    of_uv: Sequence[str], arguments: Sequence[str], seconds: float
) -> subprocess.CompletedProcess[str]:
    command = [find_uv("checkov"), "tool", "run", *of_uv, "--no-config", "--python", PYTHON]
    variables = {**os.environ, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true", "LOG_LEVEL": "ERROR"}
    return subprocess.run(
        [*command, "--from", f"checkov=={VERSION}", "checkov", *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=stretched(seconds),
        check=False,
    )


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
