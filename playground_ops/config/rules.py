"""Types for single values, and their rules. Each raises ValueError(expected) in words."""

import keyword
import re
import shlex
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationInfo

from playground_ops.config import address
from playground_ops.config.scalars import text_of
from playground_ops.config.shape import Matching, Shape
from playground_ops.core.model import MAIN

LONGEST_LOCATION_NAME = 40
"""`dagster-grpc-<name>-<number>` must stay a DNS-1123 label of at most 63 characters."""
LONGEST_DEPLOYMENT_NAME = 30
"""`dagster-webserver-read-only-<name>` and names that controllers make from it stay labels too."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DAGSTER_NAME = r"[A-Za-z0-9_]+"
_HOST = r"[A-Za-z0-9:][\w.:-]*"
_IMAGE = (
    r"(?:[A-Za-z0-9_.-]+(?::[0-9]+)?/)?[a-z0-9][a-z0-9._/-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    r"(?:@sha256:[0-9a-f]{64})?"
)
_NOT_IN_A_REF = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|@\{|//|/\.|\.lock(?:/|$)|[/.]$|^[/.]|^@$")
_RESERVED_NAMES = ("webserver", "webserver-read-only", "daemon", "postgres", "foundation")
_RESERVED_DEPLOYMENTS = (MAIN, "ops", "read-only", *_RESERVED_NAMES)
_DNS = "lower-case letters, digits and dashes, beginning and ending with a letter or digit (DNS-1123)"
_PYLOCK = r"pylock\.(?:[^.]+\.)?toml"
_DEPENDENCY_FILES = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
)
_EXTRA = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_RESERVED_ENV = ("DAGSTER_HOME",)
_OF_A_SHELL = ("&&", "||", "|", "&", ">", ">>", "<", "2>&1")


def _location_name(value: str) -> str:
    """Check a DNS-1123 label that is short enough for the names made from it (RFC 1123)."""
    if value == "ops":
        raise ValueError("another name: `ops` is the management location, which every stack has")
    if value in _RESERVED_NAMES:
        raise ValueError(f"another name: every stack has a component called `{value}`")
    if len(value) > LONGEST_LOCATION_NAME:
        raise ValueError(f"at most {LONGEST_LOCATION_NAME} characters, this has {len(value)}")
    if not re.fullmatch(_LABEL, value):
        raise ValueError(_DNS)
    return value


def _deployment_name(value: str) -> str:
    """Check a DNS-1123 label that is short enough for the names made from it, and is free."""
    if value in _RESERVED_DEPLOYMENTS or value.startswith("read-only-"):
        raise ValueError(f"another name: `{value}` is taken by the stack itself")
    if len(value) > LONGEST_DEPLOYMENT_NAME:
        raise ValueError(f"at most {LONGEST_DEPLOYMENT_NAME} characters, this has {len(value)}")
    if not re.fullmatch(_LABEL, value):
        raise ValueError(_DNS)
    return value


def _repository(value: str, info: ValidationInfo) -> str | None:
    return address.repository(value, (info.context or {}).get("folder", Path()))


def _environment_file(value: str, info: ValidationInfo) -> str:
    if not value or not value.isprintable():
        raise ValueError("the path of a file with `NAME=value` lines, relative to this file")
    try:
        return str((info.context or {}).get("folder", Path()) / Path(value).expanduser())
    except RuntimeError as error:
        raise ValueError("a path that exists; the folder it begins with can't be found") from error


def _ref(value: str) -> str:
    """Check a branch, tag or full commit (git-check-ref-format)."""
    if value.startswith("-"):
        raise ValueError("a branch, tag or full commit; this looks like an option of git")
    if address.PLACEHOLDER.search(value):
        raise ValueError("a branch, tag or full commit of your repository; this is a placeholder")
    if not value or _NOT_IN_A_REF.search(value):
        raise ValueError("a branch, tag or full commit, as `git check-ref-format` allows")
    return value


def _ref_pattern(value: str) -> str:
    """Check a pattern of refs with the wildcards `*` and `?`."""
    if not value or value.startswith("-") or any(mark.isspace() for mark in value):
        raise ValueError("a branch or tag in which `*` stands for anything, as `release-*`")
    return value


def _subdirectory(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or value.startswith(("-", "~")) or not _plain(value):
        raise ValueError("a folder inside the repository, relative to its root, without `..`")
    return str(path)


def _module(value: str) -> str:
    parts = value.split(".")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise ValueError("a dotted Python module name such as `my_project.definitions`")
    return value


def _attribute(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value):
        raise ValueError("a name at the top of the module, such as `defs`")
    return value


def _dependency_file(value: str) -> str:
    path = PurePosixPath(value)
    known = (
        path.suffix in (".txt", ".in") or path.name in _DEPENDENCY_FILES or re.fullmatch(_PYLOCK, path.name)
    )
    if path.is_absolute() or value.startswith(("-", "~")) or not _plain(value) or not known:
        raise ValueError(
            "a file by its path from the project's folder: a requirements file (`.txt`), a lock (`uv.lock`, "
            "`pylock.toml`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`), `pyproject.toml` or `setup.py`"
        )
    return str(path)


def _on_or_off(value: Any) -> Any:
    """Turn booleans back into text: YAML 1.1 reads a bare `on` or `off` as one."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def environment_name(value: str) -> str:
    if not re.fullmatch(_ENV_NAME, value):
        raise ValueError("a name of letters, digits and underscores that does not begin with a digit")
    if value in _RESERVED_ENV or value.startswith("PLAYGROUND_"):
        raise ValueError("another name: this one is set by the stack")
    return value


def _true_or_false(value: Any) -> Any:
    return ("true" if value else "false") if isinstance(value, bool) else text_of(value)


def _environment_value(value: str) -> str:
    if "\0" in value:
        raise ValueError("text without a NUL character, which no environment can hold")
    return _text(value)


def _text(value: str) -> str:
    """Refuse characters that an API server would read differently: it parses applied objects as YAML.

    These are control characters, line and paragraph separators and the byte order mark (YAML 1.2, 5.1).
    """
    if found := _CONTROL.search(value):
        raise ValueError(f"text without the control character U+{ord(found[0]):04X}")
    return value


def _tag_key(value: str) -> str:
    if not value.strip():
        raise ValueError("the key of a tag, such as `team` or `dagster/backfill`")
    return _text(value)


def _smoke_check(value: str) -> str:
    asset, colon, check = value.partition(":")
    if not (asset and colon and _plain(asset) and re.fullmatch(_DAGSTER_NAME, check)):
        raise ValueError("an asset check, as `asset/key:check_name`")
    return value


def _command(value: Any) -> Any:
    """Accept a command as one text, which is split as a shell would, but run without one."""
    if not isinstance(value, str):
        return value
    try:
        words = tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"a command, or the list of its words; {str(error).lower()}") from error
    is_shell = words[:1] and words[0].endswith("sh")
    if not is_shell and any(one in _OF_A_SHELL or one.endswith(";") or "$" in one for one in words):
        raise ValueError("a command, or the list of its words; what needs a shell goes into `sh -c '...'`")
    return words


def _words(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not value[0].strip():
        raise ValueError("a command such as `dbt deps`, or the list of its words")
    return value


def _plain(value: str) -> bool:
    return value.isprintable() and "\\" not in value


T = TypeVar("T")
Listed = Annotated[tuple[T, ...], Strict(False)]
"""Strict validation would refuse the file's list, which is no tuple."""
AsWritten = Annotated[str, BeforeValidator(text_of), Shape(also=float)]
Text = Annotated[AsWritten, AfterValidator(_text)]
Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
Port = Annotated[int, Field(ge=1, le=65535)]
DeploymentName = Annotated[
    AsWritten,
    AfterValidator(_deployment_name),
    Shape(
        f"DNS-1123, to {LONGEST_DEPLOYMENT_NAME} characters",
        rf"(?!read-only-){_LABEL}",
        LONGEST_DEPLOYMENT_NAME,
        _RESERVED_DEPLOYMENTS,
    ),
]
LocationsDeployment = Annotated[AsWritten, AfterValidator(_text), Shape("name")]
LocationName = Annotated[
    AsWritten,
    AfterValidator(_location_name),
    Shape(
        f"DNS-1123, to {LONGEST_LOCATION_NAME} characters",
        _LABEL,
        LONGEST_LOCATION_NAME,
        ("ops", *_RESERVED_NAMES),
    ),
]
Repository = Annotated[
    str, AfterValidator(_repository), Shape("URL or path", r"(?!-)(?!\s*https?://\S*@)[\s\S]*")
]
EnvironmentFile = Annotated[AsWritten, AfterValidator(_environment_file), Shape("path", r".+")]
Ref = Annotated[AsWritten, AfterValidator(_ref), Shape("branch, tag, commit", r"[^-\s][^\s~^:?*\[\\]*")]
RefPattern = Annotated[AsWritten, AfterValidator(_ref_pattern), Shape("pattern", r"[^-\s]\S*")]
Subdirectory = Annotated[AsWritten, AfterValidator(_subdirectory), Shape("folder", r"(?![-~/])[^\\]*")]
Module = Annotated[str, AfterValidator(_module), Shape("dotted name", r"[^\s.-]+(\.[^\s.-]+)*")]
Attribute = Annotated[str, AfterValidator(_attribute), Shape("name", r"[^\s.-]+")]
DependencyFile = Annotated[
    AsWritten,
    AfterValidator(_dependency_file),
    Shape("path from the project's folder", r"(?![-~/])[^\\]*\.(txt|in|lock|toml|py|cfg)[/.]*"),
]
PackageExtra = Annotated[
    AsWritten, Matching(_EXTRA, "a name of letters, digits, `-`, `_` and `.`", 100), Shape("name")
]
OnOrOff = Annotated[Literal["on", "off"], BeforeValidator(_on_or_off), Shape(also=bool)]
EnvironmentName = Annotated[
    str,
    AfterValidator(environment_name),
    Shape("name", rf"(?!PLAYGROUND_){_ENV_NAME}", not_one_of=_RESERVED_ENV),
]
EnvironmentValue = Annotated[
    str,
    BeforeValidator(_true_or_false),
    AfterValidator(_environment_value),
    Shape("text", also=float | bool),
]
TagKey = Annotated[AsWritten, AfterValidator(_tag_key), Shape("text", r"[\s\S]*\S[\s\S]*")]
Command = Annotated[
    tuple[EnvironmentValue, ...],
    Strict(False),
    BeforeValidator(_command),
    AfterValidator(_words),
    Shape("command", also=str),
]
SmokeJob = Annotated[
    AsWritten,
    Matching(_DAGSTER_NAME, "the name of a job: letters, digits and underscores"),
    Shape("job name"),
]
SmokeCheck = Annotated[
    str, AfterValidator(_smoke_check), Shape("`asset/key:check_name`", rf"[^:\\]+:{_DAGSTER_NAME}")
]
Host = Annotated[
    str,
    Matching(_HOST, "an address or host name to listen on, such as `127.0.0.1`"),
    Shape("address", r"[A-Za-z0-9:][^\s/@]*"),
]
Image = Annotated[str, Matching(_IMAGE, "the name of an image, such as `registry/name:tag`"), Shape("image")]
IndexUrl = Annotated[
    AsWritten, AfterValidator(address.index), Shape("URL", r"\s*[hH][tT][tT][pP][sS]?://[^\s@]+\s*")
]
