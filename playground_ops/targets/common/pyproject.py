"""Reads from the tables of a `pyproject.toml` which packages a project needs. Values in and out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from playground_ops.targets.common.requirement_files import requirement_of
from playground_ops.targets.common.toml_files import strings, table

Tables = Mapping[str, Any]


def is_poetry(tables: Tables) -> bool:
    """Return whether Poetry alone can say what it needs: its own table may name paths and sources."""
    poetry = table(tables, "tool", "poetry")
    return bool(poetry) and ("project" not in tables or bool(_of_poetry(tables)) or "group" in poetry)


def declares(tables: Tables, chosen: Sequence[str]) -> bool:
    """Return whether it declares packages. `chosen`: names of extras and groups, which count too."""
    project = table(tables, "project")
    if project.get("dependencies") or "dependencies" in strings(project.get("dynamic")) or _of_poetry(tables):
        return True
    if table(tables, "tool", "flit", "metadata").get("requires"):
        return True
    offered = {
        *table(project, "optional-dependencies"),
        *table(tables, "dependency-groups"),
        *table(tables, "tool", "poetry", "group"),
        *table(tables, "tool", "pdm", "dev-dependencies"),
    }
    return bool(_normal(offered) & _normal(chosen))


def requirements(tables: Tables, extras: Sequence[str], groups: Sequence[str]) -> list[Requirement] | None:
    """Return what `[project]`, the extras and the groups require; None where only a build can tell."""
    project = table(tables, "project")
    dynamic = strings(project.get("dynamic"))
    if (
        "project" not in tables
        or "dependencies" in dynamic
        or (extras and "optional-dependencies" in dynamic)
    ):
        return None
    optional, found = table(project, "optional-dependencies"), strings(project.get("dependencies"))
    for name, listed in optional.items():
        found += strings(listed) if _normal([name]) <= _normal(extras) else []
    for group in groups:
        found += _of_group(table(tables, "dependency-groups"), group, set())
    read = [requirement_of(one) for one in found]
    listed = [one for one in read if one is not None]
    # Hatch fills in addresses such as `{root:uri}/../shared`.
    is_filled_in = None in read or any("{" in (one.url or "") for one in listed)
    return None if is_filled_in else listed


def decided_elsewhere(tables: Tables) -> set[str]:
    """Return the names of packages whose versions are not those that are declared."""
    uv = table(tables, "tool", "uv")
    found = set(table(uv, "sources"))
    for key in ("override-dependencies", "exclude-dependencies"):
        found |= {one.name for text in strings(uv.get(key)) if (one := requirement_of(text))}
    return {canonicalize_name(name) for name in found}


def names_of_poetry(tables: Tables) -> set[str]:
    """Return the names of the packages in Poetry's table that are not optional."""
    listed = _of_poetry(tables).items()
    return {
        canonicalize_name(name) for name, one in listed if not (isinstance(one, dict) and one.get("optional"))
    }


def _of_poetry(tables: Tables) -> Tables:
    found = table(tables, "tool", "poetry", "dependencies")
    return {name: one for name, one in found.items() if name != "python"}


def _of_group(listed: Tables, group: str, seen: set[str]) -> Iterator[str]:
    for name, entries in listed.items():
        if _normal([name]) != _normal([group]) or name in seen or not isinstance(entries, list):
            continue
        seen.add(name)
        for entry in entries:
            if isinstance(entry, str):
                yield entry
            elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
                yield from _of_group(listed, entry["include-group"], seen)


def of_groups(tables: Tables, groups: Sequence[str]) -> list[Requirement]:
    """Return what dependency groups require, as far as it is valid."""
    listed = (_of_group(table(tables, "dependency-groups"), group, set()) for group in groups)
    read = [requirement_of(one) for found in listed for one in found]
    return [one for one in read if one is not None]


def _normal(names: Sequence[str] | set[str]) -> set[str]:
    return {str(canonicalize_name(name)) for name in names}
