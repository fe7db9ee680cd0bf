"""Where uv's own table of a project (`[tool.uv.sources]`) says that packages come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from playground_ops.targets.common.toml_files import read_toml, strings, table
from playground_ops.targets.packages.demand import indexes_of


@dataclass(frozen=True)
class Source:
    place: str
    """A path relative to `folder`, or an address."""
    folder: Path
    index: str = ""
    """The URL of an index, instead of a place."""


@dataclass(frozen=True)
class Sources:
    """Those of the project in a folder, and of the workspace that it is a member of."""

    tables: tuple[tuple[Path, Mapping[str, Any]], ...]
    checkout: Path

    @classmethod
    def of(cls, folder: Path, checkout: Path) -> "Sources":
        """Read them; the project's own come first."""
        found = [(folder, _of_uv(folder, checkout))]
        for above in folder.parents if folder != checkout else ():
            if not above.is_relative_to(checkout):
                break
            tables = _of_uv(above, checkout)
            if table(tables, "workspace"):
                found.append((above, tables))
                break
        return cls(tuple(found), checkout)

    def find(self, name: str, wants: Callable[[str], bool]) -> Source | None:
        """Return the source of a package; `wants` tells whether a marker fits."""
        for folder, tables in self.tables:
            for key, entry in table(tables, "sources").items():
                if canonicalize_name(key) != canonicalize_name(name):
                    continue
                entries = [
                    one for one in (entry if isinstance(entry, list) else [entry]) if isinstance(one, dict)
                ]
                fitting = [one for one in entries if wants(str(one.get("marker", "")))]
                return self._source(canonicalize_name(name), fitting[0], folder) if fitting else None
        return None

    def _source(self, name: str, entry: Mapping[str, Any], folder: Path) -> Source | None:
        below = f"subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
        if "path" in entry:
            return Source(str(entry["path"]), folder)
        if entry.get("workspace"):
            place = self._member(name)
            return Source(".", place) if place else None
        if "git" in entry:
            ref = next((str(entry[key]) for key in ("rev", "tag", "branch") if key in entry), "")
            return Source(
                f"git+{entry['git']}{f'@{ref}' if ref else ''}{f'#{below}' if below else ''}", folder
            )
        if "url" in entry:
            return Source(f"{entry['url']}{f'#{below}' if below else ''}", folder)
        named = {key: url for _, tables in self.tables for key, url in indexes_of(tables)[1].items()}
        index = named.get(str(entry.get("index")))
        return Source("", folder, index) if index else None

    def _member(self, name: str) -> Path | None:
        for root, tables in self.tables:
            for pattern in strings(table(tables, "workspace").get("members")):
                for place in sorted(root.glob(pattern)):
                    about = table(read_toml(place / "pyproject.toml", self.checkout), "project")
                    if canonicalize_name(str(about.get("name", ""))) == name:
                        return place
        return None


def _of_uv(folder: Path, checkout: Path) -> Mapping[str, Any]:
    return table(read_toml(folder / "pyproject.toml", checkout), "tool", "uv")
