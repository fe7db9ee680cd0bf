"""The files that `init` makes: the configuration, what pins this program, and what tells a newcomer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import yaml

from playground_ops.starting import workflows

CONFIGURATION, SCHEMA = "configvalues.yaml", "configvalues.schema.json"
NO_PROJECT = "stack"


@dataclass(frozen=True)
class Wanted:
    """What a new stack is to be."""

    name: str
    """The folder's name."""
    version: str
    """The version of this program that it pins."""
    target: Literal["local", "kubernetes"] = "local"
    context: str | None = None
    repository: str | None = None
    ref: str = "main"
    subdirectory: str | None = None
    workflow: workflows.Forge | None = None


def files(wanted: Wanted, configuration: str, schema: str) -> Mapping[str, str]:
    """Return texts by their paths. `configuration` and `schema`: the files that come with this program."""
    found = {
        CONFIGURATION: _configuration(wanted, configuration),
        SCHEMA: schema,
        "pyproject.toml": _project(wanted),
        "ops/definitions.py": DEFINITIONS,
        "ops/defs/__init__.py": DEFS,
        ".gitignore": GITIGNORE,
        "README.md": _readme(wanted),
    }
    if wanted.workflow:
        path, text = workflows.workflow(wanted.workflow, wanted.target)
        found[path] = text
    return found


def _configuration(wanted: Wanted, shipped: str) -> str:
    """Return the commented file with what was chosen in it. Raises ValueError if a place is missing."""
    text = _replaced(shipped, "$schema=playground_ops/configvalues.schema.json\n", f"$schema={SCHEMA}\n")
    text = _replaced(text, "\ntarget: local\n", f"\ntarget: {wanted.target}\n")
    if wanted.repository:
        text = _before(text, "# Everything that a location can have", _locations(wanted))
    if wanted.context:
        context = f"kubernetes:\n  context: {_quoted(wanted.context)}\n"
        text = _before(text, "# Where and how the stack lies in a cluster.", context)
    return text


def _replaced(text: str, before: str, after: str) -> str:
    if text.count(before) != 1:
        raise ValueError(f"{before!r} is {text.count(before)} times in the shipped {CONFIGURATION}")
    return text.replace(before, after)


def _before(text: str, place: str, what: str) -> str:
    return _replaced(text, place, f"{what}\n{place}")


def _locations(wanted: Wanted) -> str:
    repo = {"url": wanted.repository, "ref": wanted.ref, "subdirectory": wanted.subdirectory}
    lines = "".join(f"      {key}: {_quoted(value)}\n" for key, value in repo.items() if value)
    return f"code_locations:\n  - name: a\n    repo:\n{lines}"


def _quoted(value: str) -> str:
    return yaml.safe_dump(value, default_style='"', width=len(value) * 10 + 10).strip()


def _project(wanted: Wanted) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", wanted.name.lower()).strip("-") or NO_PROJECT
    return PROJECT.format(name=name, version=wanted.version)


def _readme(wanted: Wanted) -> str:
    where = "Kubernetes" if wanted.target == "kubernetes" else "one machine, as processes"
    return README.format(name=wanted.name, version=wanted.version, where=where)


GITIGNORE = """\
.playground/
.venv/
__pycache__/
*.env
"""

DEFINITIONS = """\
\"\"\"The location `ops`, for `dagster dev` and `dg`: the jobs and checks of this stack.\"\"\"

from playground_ops.definitions import defs as defs
"""

DEFS = """\
\"\"\"`dg` wants this folder; nothing is loaded from it. Pipelines lie in repositories of their own.\"\"\"
"""

PROJECT = """\
# The version of playground-ops that runs this stack: raise it here, look at `upgrade --check`, and `deploy`.
[project]
name = "{name}"
version = "0"
description = "A Dagster stack"
requires-python = ">=3.10,<3.14"
dependencies = ["playground-ops[local]=={version}"]

[dependency-groups]
dev = ["dagster-dg-cli>=1.13,<1.14"]

[tool.uv]
package = false

# For `dagster dev` and `dg`: the code location `ops`, as the stack serves it.
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "ops"

[tool.dagster]
module_name = "ops.definitions"
"""

README = """\
# {name}

A Dagster stack on {where}, described by `configvalues.yaml` and run by playground-ops {version}.

    uv run playground-ops bootstrap        # to the address of a running UI
    uv run playground-ops plan             # what a change of configvalues.yaml would do
    uv run playground-ops deploy           # does it; in the UI it is the job `deploy`
    uv run playground-ops --help           # all commands

Without uv: `pip install "playground-ops[local]=={version}"`, and the same commands without `uv run`.
Another version is one line of `pyproject.toml`; `upgrade --check` tells first what it brings.
"""
