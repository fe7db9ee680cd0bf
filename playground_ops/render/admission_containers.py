"""Limits in an admission policy on the containers that fetch code or install packages.

Only they have credentials, for git and for the package index.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from playground_ops.core.model import Location
from playground_ops.render import fetch_script, gitsync, one_shot_pods, packages
from playground_ops.render.names import (
    APP_FOLDER,
    ARTIFACTS_FOLDER,
    GIT_SECRET_FOLDER,
    PACKAGES_SECRET_FOLDER,
    PACKAGES_USER,
    SOURCE_FOLDER,
)


def literal(value: Any) -> str:
    """Return strings, numbers, lists and maps as CEL: JSON, but without surrogate pairs, which CEL lacks."""
    return json.dumps(value, ensure_ascii=False)


FETCH_VARIABLES = (
    (
        "gitVolumes",
        "variables.volumes.filter(v, has(v.secret) && v.secret.secretName in variables.gitSecrets && "
        "!(v.secret.secretName in variables.mountedSecrets)).map(v, v.name)",
    ),
    ("fetching", "variables.containers.filter(c, c.image == variables.gitImage)"),
)
FETCH_VALIDATIONS = (
    (
        # What fetches has the credentials, and what runs a location's code has not.
        "variables.containers.all(c, c.image == variables.gitImage || (has(c.volumeMounts) ? c.volumeMounts"
        " : []).all(m, !(m.name in variables.gitVolumes)))",
        "'git credentials in a container that does not fetch'",
    ),
    (
        # Otherwise a fetching container could be made to print its credentials, or to send them somewhere.
        "variables.containers.all(c, c.image != variables.gitImage || has(c.command) "
        "&& (c.command == ['sh', '-c', variables.resolve, 'resolve'] "
        "? c.args[0] in variables.repositories "
        f": c.command == ['sh', '-c', variables.fetch, '{gitsync.NAME}'] && c.args.all(a, "
        "a.startsWith('--repo=') ? a.substring(7) in variables.repositories "
        ": variables.flags.exists(f, a.startsWith(f)))))",
        "'a command of git-sync that the stack does not use, or a repository that is not configured'",
    ),
    (
        # No container before or beside it may leave files that git would run.
        "size(variables.fetching) == 0 || (size(variables.fetching) == 1 && ("
        "has(variables.spec.initContainers) ? variables.spec.initContainers[0].image == variables.gitImage "
        ": size(variables.spec.containers) == 1))",
        "'git-sync after or beside another container'",
    ),
    (
        "variables.fetching.all(c, (has(c.env) ? c.env : []).all(e, has(e.valueFrom) "
        "? has(e.valueFrom.secretKeyRef) && "
        f"e.name in {[fetch_script.USER_VARIABLE, one_shot_pods.USER_VARIABLE]} "
        f": e.name in {[fetch_script.LOCATION, fetch_script.LIVE, fetch_script.SUBDIRECTORY]} || "
        "e.name + '=' + (has(e.value) ? e.value : '') in variables.gitVariables))",
        "'a variable of git-sync that the stack does not use'",
    ),
    (
        "variables.fetching.all(c, (has(c.volumeMounts) ? c.volumeMounts : []).all(m, "
        "variables.volumes.exists(v, v.name == m.name && "
        f"(m.mountPath in {['/tmp', APP_FOLDER]} ? has(v.emptyDir) "
        f": m.mountPath == '{GIT_SECRET_FOLDER}' ? has(v.secret) "
        f": m.mountPath == '{ARTIFACTS_FOLDER}' && has(v.persistentVolumeClaim)))))",
        "'a volume of git-sync that the stack does not use'",
    ),
    (
        "variables.fetching.all(c, !has(c.lifecycle) && !has(c.startupProbe) && !has(c.livenessProbe) "
        "&& !has(c.readinessProbe))",
        "'a hook or a probe of git-sync'",
    ),
)
"""Expressions, and the messages with which they refuse."""


def fetch_values(locations: Sequence[Location]) -> list[tuple[str, str]]:
    """Return the configuration's values as CEL: its strings are written as in JSON."""
    lists = {
        "repositories": {one.repository for one in locations if one.repository},
        "flags": set(gitsync.FLAGS),
        "gitVariables": {"HOME=/tmp", *_fetch_variables(locations)},
    }
    return [
        ("resolve", literal(one_shot_pods.RESOLVER_SCRIPT)),
        ("fetch", literal(fetch_script.SCRIPT)),
        *((name, literal(sorted(found))) for name, found in lists.items()),
    ]


def _fetch_variables(locations: Sequence[Location]) -> Iterator[str]:
    for one in locations:
        if one.repository:
            plain = one_shot_pods.resolver_variables(one.repository, one.git_secret)
            yield from (f"{found['name']}={found['value']}" for found in plain if "value" in found)


_INSTALLS = "has(c.command) && c.command == variables.install"


def _is_its_user(of: str) -> str:
    context = f"{of}.securityContext"
    return f"has({context}) && has({context}.runAsUser) && {context}.runAsUser == {PACKAGES_USER}"


INSTALL_VARIABLES = (
    (
        "packagesVolumes",
        "variables.volumes.filter(v, has(v.secret) && v.secret.secretName in variables.packagesSecrets && "
        "!(v.secret.secretName in variables.mountedSecrets)).map(v, v.name)",
    ),
    ("installing", f"variables.containers.filter(c, {_INSTALLS})"),
)
INSTALL_VALIDATIONS = (
    (
        f"variables.containers.all(c, ({_INSTALLS}) || (has(c.volumeMounts) ? c.volumeMounts : [])"
        ".all(m, !(m.name in variables.packagesVolumes)))",
        "'credentials of the package index in a container that does not install'",
    ),
    (
        # No container before or beside it may leave files that it would run.
        "size(variables.installing) == 0 || (has(variables.spec.initContainers) && "
        "size(variables.spec.initContainers) == 2 && variables.spec.initContainers[1].command == "
        "variables.install && variables.spec.initContainers[0].image == variables.gitImage)",
        "'what installs packages beside another container'",
    ),
    (
        "variables.installing.all(c, !has(c.envFrom) && (has(c.env) ? c.env : []).all(e, "
        f"!has(e.valueFrom) && (e.name in {[packages.LIVE, packages.LIVE_AS_OF]} || "
        "e.name + '=' + (has(e.value) ? e.value : '') in variables.packagesVariables)))",
        "'a variable of what installs packages that the stack does not use'",
    ),
    (
        "variables.installing.all(c, (has(c.volumeMounts) ? c.volumeMounts : []).all(m, "
        "variables.volumes.exists(v, v.name == m.name && "
        f"(m.mountPath in {['/tmp', APP_FOLDER]} ? has(v.emptyDir) "
        f": m.mountPath == '{SOURCE_FOLDER}' ? has(v.configMap) "
        f": m.mountPath == '{PACKAGES_SECRET_FOLDER}' ? v.name in variables.packagesVolumes "
        f": m.mountPath == '{ARTIFACTS_FOLDER}' && has(v.persistentVolumeClaim)))))",
        "'a volume of what installs packages that the stack does not use'",
    ),
    (
        "variables.installing.all(c, !has(c.lifecycle) && !has(c.startupProbe) && !has(c.livenessProbe) "
        "&& !has(c.readinessProbe))",
        "'a hook or a probe of what installs packages'",
    ),
    (
        f"!({_is_its_user('variables.spec')}) && variables.containers.all(c, ({_INSTALLS}) || "
        f"!({_is_its_user('c')}))",
        "'the user that environments belong to, in a container that does not install'",
    ),
)
"""Expressions, and the messages with which they refuse."""
