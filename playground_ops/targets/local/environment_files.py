"""Variables that dotenv files give to the servers of locations.

They are read at each rollout. Of what they hold a keyed hash is kept, so that a change of it is a change of
the configuration; the values are in the environment of the server, and in the file by which it is started
again.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.config.rules import environment_name
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.model import Location
from playground_ops.core.redact import learn
from playground_ops.diagnose.exceptions import last_raised
from playground_ops.diagnose.variables import missing_variable
from playground_ops.targets.local.folder import writing
from playground_ops.targets.local.own_folder import made_private

KEY_FILE = "environment.key"
OTHERS = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH


def given(location: Location) -> dict[str, str]:
    """Return the variables of a location's files, which are masked from now on.

    Raises PlaygroundError with every fault of them, held against the surroundings and not the commit.
    """
    values, wrong = _read_all(location.environment_files)
    if wrong:
        raise PlaygroundError(*wrong)
    return values


def must_be_readable(locations: Iterable[Location]) -> None:
    """Raises BadInput with every fault of all files."""
    paths = dict.fromkeys(path for one in locations for path in one.environment_files)
    _, wrong = _read_all(tuple(paths))
    if wrong:
        raise BadInput(*wrong)


def open_to_others(location: Location) -> list[str]:
    """Return a warning for each file that other users of this machine can read or change."""
    return [
        f"{path} can be read by other users of this machine: `chmod 600 {path}`"
        for path in location.environment_files
        if (mode := _mode(path)) is not None and mode & OTHERS
    ]


def with_content(configuration: Configuration, state: Path) -> Configuration:
    """Return the configuration with a hash of what each location's files hold now.

    Where one can't be read it is empty: what serves goes on, and a rollout says what is wrong.
    """
    key = _key(state)

    def filled(location: Location) -> Location:
        values, wrong = _read_all(location.environment_files)
        if wrong or not location.environment_files:
            return location
        text = json.dumps(sorted(values.items()))
        content = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]
        return location.model_copy(update={"environment_content": content})

    return configuration.model_copy(
        update={
            "ops": filled(configuration.ops),
            "locations": tuple(filled(one) for one in configuration.locations),
        }
    )


def of_this_shell(finding: Finding, log: str, since: Callable[[], str | None]) -> Finding:
    """Return the finding; where a variable is missing, with whose environment it is and what renews it.

    `since` tells since when the supervisor runs.
    """
    raised = last_raised(log)
    name = missing_variable(raised.message, raised.excerpt) if raised else None
    if name is None:
        return finding
    began = since()
    return finding.model_copy(
        update={
            "cause": f"The variable {name} is not in the environment of servers here: that is the one of the "
            f"shell which started the supervisor{f' at {began}' if began else ''}. What was exported in "
            "another shell, or later, does not reach them.",
            "fix": "Write it into a file that `environment_file:` of the location names, read at each "
            "rollout. Or renew the environment: `down`, export it, and `deploy` from that shell.",
        }
    )


def _read_all(paths: Sequence[str]) -> tuple[dict[str, str], list[Finding]]:
    """Return the variables of all files, of which a later one wins, and what is wrong with them."""
    values: dict[str, str] = {}
    wrong: list[Finding] = []
    for path in paths:
        try:
            text = Path(path).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            wrong.append(_unreadable(path, error))
            continue
        wrong += _faults(path, text)
        values |= dict(_pairs(text))
    learn(values.values())
    return values, wrong


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    from dotenv.parser import parse_stream

    for one in parse_stream(StringIO(text)):
        if one.key is not None and one.value is not None and not one.error:
            yield one.key, one.value


def _faults(path: str, text: str) -> Iterator[Finding]:
    """Find the lines that give no variable. What stands there may be a secret, so only names are shown."""
    from dotenv.parser import parse_stream

    for one in parse_stream(StringIO(text)):
        line = one.original.line + _lines_before(one.original.string)
        if one.error:
            yield _wrong(path, line, "It is no `NAME=value`", "A quote is not closed, or a name has spaces.")
        elif one.key is not None and one.value is None:
            yield _wrong(path, line, f"`{one.key}` has no value", "Expected `NAME=value`.")
        elif one.key is not None and "\0" in str(one.value):
            yield _wrong(path, line, f"`{one.key}` has a NUL character", "No environment can hold it.")
        elif one.key is not None:
            try:
                environment_name(one.key)
            except ValueError as error:
                yield _wrong(path, line, f"`{one.key}` can't be a name here", f"Expected {error}.")


def _lines_before(text: str) -> int:
    """Return the number of empty lines at its beginning, which the parser takes for a part of it."""
    return len(text[: len(text) - len(text.lstrip())].splitlines())


def _wrong(path: str, line: int, observed: str, cause: str) -> Finding:
    return certain(
        object=f"file/{path}",
        observed=f"{observed}, at line {line}.",
        cause=cause,
        fix="Correct that line.",
        whose="surroundings",
    )


def _unreadable(path: str, error: OSError | UnicodeDecodeError) -> Finding:
    reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
    return certain(
        object=f"file/{path}",
        observed=f"It can't be read: {reason}.",
        cause="An `environment_file:` of the configuration names it, relative to the configuration's folder.",
        fix="Make it, or correct the path.",
        whose="surroundings",
    )


def _mode(path: str) -> int | None:
    try:
        return Path(path).stat().st_mode
    except OSError:
        return None


def _key(state: Path) -> bytes:
    """Return the key of this stack's hashes, made when it is first needed. Raises PlaygroundError."""
    path = state / KEY_FILE
    with writing(state):
        if not path.exists():
            made_private(state)
            descriptor, made = tempfile.mkstemp(dir=state, prefix=f".{KEY_FILE}.")
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(32))
            try:
                os.link(made, path)  # whoever is first decides
            except FileExistsError:
                pass
            finally:
                Path(made).unlink()
        return path.read_bytes()
