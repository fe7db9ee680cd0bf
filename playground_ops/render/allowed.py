"""Lists of the names that `ops` may use in pods; a person applies them with the configuration.

An admission policy enforces them. They are stored beside the configuration in force, where `ops` can read but
not change them: so it can report beforehand what of another configuration would be refused.
"""

import json
from collections.abc import Mapping

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, certain
from playground_ops.render import packages
from playground_ops.render.database import password_secret
from playground_ops.render.namespaces import Scope, scopes

KEY = "allowed.json"
"""The key in the ConfigMap with the configuration."""
Lists = Mapping[str, list[str]]
_WHAT = {
    "images": "image",
    "repositories": "repository",
    "secrets": "secret",
    "gitSecrets": "secret",
    "pullSecrets": "secret",
    "mountedSecrets": "secret",
    "packagesSecrets": "secret",
    "packagesVariables": "setting",
    "namespaces": "namespace",
}


def lists(configuration: Configuration) -> dict[str, list[str]]:
    """Return sorted names by list, for all namespaces together, with the namespaces of isolated locations."""
    every = [of(configuration, scope) for scope in scopes(configuration)]
    found = {what: sorted({name for one in every for name in one[what]}) for what in every[0]}
    return {**found, "namespaces": sorted(configuration.namespaces[1:])}


def of(configuration: Configuration, scope: Scope) -> dict[str, list[str]]:
    """Return the names that are allowed in one namespace, by list."""
    pods, locations = scope.pods.values(), scope.locations
    found: dict[str, set[str | None]] = {
        "images": {*scope.images, *(one.image for one in pods)},
        "repositories": {one.repository for one in locations},
        "secrets": {
            *(password_secret(configuration.of(name)) for name in scope.deployments),
            *scope.secrets,
            *(secret for one in pods for secret in one.environment_from_secrets),
        },
        "gitSecrets": {one.git_secret for one in locations},
        "pullSecrets": {secret for one in pods for secret in one.image_pull_secrets},
        "mountedSecrets": {secret for one in pods for secret in one.mounted_secrets},
        "packagesSecrets": {configuration.kubernetes.packages.secret},
        "packagesVariables": {f"{one['name']}={one['value']}" for one in packages.variables(configuration)},
    }
    return {name: sorted(one for one in several if one) for name, several in found.items()}


def text(configuration: Configuration) -> str:
    return json.dumps(lists(configuration), indent=1)


def beyond(configuration: Configuration, applied: Lists) -> list[Finding]:
    """Return a finding for each name that the configuration has and those lists have not."""
    return [
        _not_allowed(_WHAT[what], name)
        for what, names in lists(configuration).items()
        for name in names
        if name not in applied.get(what, [])
    ]


def _not_allowed(what: str, name: str) -> Finding:
    return certain(
        object=f"{what}/{name}",
        observed="The configuration names it, and what was applied for `ops` does not: it needs bootstrap.",
        cause="Which images, repositories and Secrets `ops` may use is applied with a person's own rights.",
        fix="Run `deploy` from a checkout of that commit.",
    )
