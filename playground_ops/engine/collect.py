"""Collects the state of a stack in one archive that a person can attach to a bug report.

All of it is redacted here, whatever it came from.
"""

import io
import json
import platform
import tarfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.clock import Clock
from playground_ops.core.errors import Finding, PlaygroundError
from playground_ops.core.redact import redact
from playground_ops.core.target import Target
from playground_ops.engine.health.examine import examine
from playground_ops.engine.status import read_status

LARGEST_CHARACTERS = 2_000_000
"""The longest text of one file: its end is what matters."""
PACKAGES = ("dagster", "grpc", "kubernetes", "psycopg2", "sqlalchemy", "pydantic", "playground")
Entry = tuple[str, str]
"""A name in the archive, and the text."""


def name_of(clock: Clock) -> str:
    """Return the name of a file collected now; names sort by time."""
    return f"playground-{clock.utc_now()[:19].replace(':', '-')}Z.tar.gz"


def entries(
    target: Target, configuration: Configuration, clock: Clock, health: Callable[[], str] | None = None
) -> Iterator[Entry]:
    """Yield the archive's entries; where one can't be read, its text is the reason.

    `health` returns the health as JSON where servers are out of this process's reach.
    """
    yield "about.json", json.dumps(_about(target, clock), indent=1)
    yield "configvalues.yaml", configuration.text
    yield "status.json", _or_why(lambda: read_status(target, configuration).model_dump_json(indent=1))
    yield "health.json", _or_why(health or partial(_health, target, configuration))
    for location in configuration.all_locations:
        name = location.name
        yield f"rollouts/{name}.json", _or_why(partial(_records, target, name))
    yield from target.stack.collect()


def write(found: Iterable[Entry], path: Path, hear: Callable[[str], None]) -> int:
    """Write a compressed tar file that only its owner may read. Returns its bytes. Raises OSError.

    `hear` is called with the name of each file.
    """
    path.touch(mode=0o600)
    path.chmod(0o600)  # one that was there
    with tarfile.open(path, "w:gz", compresslevel=6) as made:
        for name, text in found:
            data = redact(text[-LARGEST_CHARACTERS:]).encode()
            one = tarfile.TarInfo(f"{path.name.partition('.')[0]}/{name}")
            one.size, one.mode = len(data), 0o600
            made.addfile(one, io.BytesIO(data))
            hear(name)
    return path.stat().st_size


def _about(target: Target, clock: Clock) -> dict[str, object]:
    installed = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "at": clock.utc_now(),
        "target": target.name,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {
            name: version
            for name, version in sorted(installed.items())
            if name.lower().replace("_", "-").startswith(PACKAGES)
        },
    }


FIELDS = set(Finding.model_fields)


def _health(target: Target, configuration: Configuration) -> str:
    findings = [
        {"component": name, "check": topic.value, **finding.model_dump(mode="json", include=FIELDS)}
        for name, topic, finding in examine(target, configuration).folded.worst
    ]
    return json.dumps(findings, indent=1)


def _records(target: Target, location: str) -> str:
    return json.dumps([record.model_dump(mode="json") for record in target.records(location)], indent=1)


def _or_why(asked: Callable[[], str]) -> str:
    try:
        return asked()
    except PlaygroundError as error:
        return str(error)
