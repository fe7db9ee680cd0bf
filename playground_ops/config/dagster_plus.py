"""The variables by which code that was written for Dagster+ asks where it runs, and by which commit.

In open-source Dagster they set tags (docs/decisions.md). All that a person configures counts more.
"""

from __future__ import annotations

import re

from playground_ops.config.address import Address, parsed
from playground_ops.config.location_section import OPS
from playground_ops.core.model import Release, Revision

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SITES = {"http": "http", "https": "https", "ssh": "https", "git+ssh": "https", "ssh+git": "https"}
"""How a browser reaches the host of a repository, by the scheme that git takes."""


def dagster_plus_variables(release: Release) -> dict[str, str]:
    """Return what is known of the release. `ops` asks for none, and its runs may have no others."""
    if release.location.name == OPS.name:
        return {}
    return {
        "DAGSTER_CLOUD_DEPLOYMENT_NAME": release.location.deployment,
        "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "0",
        **_of_git(release.revision, release.revision.ref or release.location.ref),
    }


def _of_git(revision: Revision, ref: str | None) -> dict[str, str]:
    if revision.repository is None:
        return {}
    found = {"SHA": revision.commit, "BRANCH": _branch(ref)}
    try:
        address = parsed(revision.repository)
    except ValueError:
        pass  # of a release that is older than the rules for addresses
    else:
        found |= {"REPO": _name(address), "URL": _page(address)}
    return {f"DAGSTER_CLOUD_GIT_{key}": value for key, value in found.items() if value}


def _branch(ref: str | None) -> str:
    """Return the branch, or the tag, that a ref names; empty for a commit and for what is neither."""
    name = (ref or "").removeprefix("refs/heads/")
    return "" if name.startswith("refs/") or _COMMIT.fullmatch(name) else name


def _name(address: Address) -> str:
    """Return the name as `team/orders`; without the folders before it where it lies on the machine."""
    parts = [part for part in address.path.removesuffix("/").removesuffix(".git").split("/") if part]
    return "/".join(parts if address.host else parts[-1:])


def _page(address: Address) -> str:
    """Return the repository's page, without a user; empty where there can be none."""
    site = _SITES.get(address.scheme)
    if site is None or not address.host:
        return ""
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = f":{address.port}" if address.port and address.scheme.startswith("http") else ""
    return f"{site}://{host}{port}/{_name(address)}"
