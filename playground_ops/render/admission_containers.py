"""Limits in an admission policy on the containers that fetch code or install packages.

Only they have credentials, for git and for the package index. So everything of such a container is on a list
of what the stack renders: each argument, variable and mount, and its user. It sees nothing that another
container of the pod could have written.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from playground_ops.render import fetch_script, gitsync, one_shot_pods, packages
from playground_ops.render.gitsync import GIT_USER
from playground_ops.render.mount_places import OF_ITS_OWN, PLACE, places
from playground_ops.render.names import (
    CHOSEN_FOLDER,
    KEPT_FOLDER,
    PACKAGES_USER,
    REPOSITORY_FOLDER,
    Object,
)


def literal(value: Any) -> str:
    """Return strings, numbers, lists and maps as CEL: JSON, but without surrogate pairs, which CEL lacks."""
    return json.dumps(value, ensure_ascii=False)


_MOUNTS = "(has({}.volumeMounts) ? {}.volumeMounts : [])"
_ENV = "(has(c.env) ? c.env : [])"
_INSTALLS = "has(c.command) && c.command == variables.install"
_OTHER = (
    *("envFrom", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "ports"),
    *("restartPolicy", "stdin", "tty", "volumeDevices", "workingDir"),
)
_NOTHING_ELSE = " && ".join(f"!has(c.{name})" for name in _OTHER) + (
    f" && (!has(c.terminationMessagePath) || c.terminationMessagePath == '{fetch_script.TOLD}')"
)
"""CEL: a container has none of what would run something beside its command, or before or after it."""
_OF_IT = "(c.args[0].startsWith('--repo=') ? c.args[0].substring(7) : c.args[0]) + '|' + "
"""CEL: the repository that a container fetches, which begins the texts of what goes with it."""


def mounts(container: str) -> str:
    return _MOUNTS.format(container, container)


def _user(of: str, is_it: int) -> str:
    context = f"{of}.securityContext"
    return f"(has({context}) && has({context}.runAsUser) && {context}.runAsUser == {is_it})"


def _mounts_are(listed: str, before: str = "") -> str:
    """CEL: each mount is listed, and no variable or other way gives it another folder."""
    text = f"({before}{PLACE})"
    here = f"({text} in variables.{listed} || {text}.{OF_ITS_OWN} in variables.{listed})"
    volume = f"variables.volumes.exists(v, v.name == m.name && {here})"
    return (
        f"{mounts('c')}.all(m, !has(m.subPathExpr) && "
        f"(!has(m.mountPropagation) || m.mountPropagation == 'None') && {volume})"
    )


def _nobody_else_writes(chosen: str, shared: str) -> str:
    """CEL: what such a container writes, no other one can; of `/tmp` others see nothing."""
    return (
        f"variables.{chosen}.all(f, {mounts('f')}.all(n, variables.containers.all(c, c.name == f.name || "
        f"{mounts('c')}.all(m, m.name != n.name || has(n.subPath) || (n.mountPath != '/tmp' && "
        f"(n.mountPath != '{shared}' || (has(m.readOnly) && m.readOnly)))))))"
    )


FETCH_VARIABLES = (
    (
        "gitVolumes",
        "variables.volumes.filter(v, has(v.secret) && v.secret.secretName in variables.gitSecrets && "
        "!(v.secret.secretName in variables.mountedSecrets)).map(v, v.name)",
    ),
    ("fetching", "variables.containers.filter(c, c.image == variables.gitImage)"),
    (
        # Releases from before each container had a folder of its own launch runs until others serve.
        "apart",
        f"variables.fetching.filter(f, {mounts('f')}.exists(m, m.mountPath == '{KEPT_FOLDER}'))",
    ),
)
FETCH_VALIDATIONS = (
    (
        # What fetches has the credentials, and what runs a location's code has not.
        f"variables.containers.all(c, c.image == variables.gitImage || {mounts('c')}"
        ".all(m, !(m.name in variables.gitVolumes)))",
        "'git credentials in a container that does not fetch'",
    ),
    (
        # Otherwise a fetching container could be made to print its credentials, or to send them somewhere.
        "variables.fetching.all(c, has(c.command) && has(c.args) && size(c.args) > 0 && "
        "(c.command == ['sh', '-c', variables.resolve, 'resolve'] "
        "? c.args[0] in variables.repositories && c.args.all(a, !a.startsWith('-')) && "
        "!has(variables.spec.initContainers) "
        f": c.command == ['sh', '-c', variables.fetch, '{gitsync.NAME}'] && size(c.args) > 2 && "
        "c.args[0].startsWith('--repo=') && c.args[0].substring(7) in variables.repositories && "
        "c.args[1].matches('^--ref=[0-9a-f]{40,64}$') && variables.flags.exists(f, "
        "size(c.args) == size(f) + 2 && c.args.join('\\n') == c.args[0] + '\\n' + c.args[1] + '\\n' + "
        "f.join('\\n'))))",
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
        f"variables.fetching.all(c, {_ENV}.all(e, has(e.valueFrom) "
        f"? has(e.valueFrom.secretKeyRef) && {_OF_IT}e.name + '|' + "
        "e.valueFrom.secretKeyRef.name + '|' + e.valueFrom.secretKeyRef.key in variables.gitPairs "
        f": e.name == '{fetch_script.LIVE}' ? e.value.matches('^[0-9a-f ]*$') "
        f": e.name == '{fetch_script.SUBDIRECTORY}' || "
        "e.name + '=' + (has(e.value) ? e.value : '') in variables.gitVariables))",
        "'a variable of git-sync that the stack does not use, or the user of another repository'",
    ),
    (
        f"variables.fetching.all(c, {_mounts_are('gitPlaces', _OF_IT)})",
        "'a volume of git-sync that the stack does not use, or the Secret of another repository'",
    ),
    (
        f"variables.fetching.all(c, {_NOTHING_ELSE})",
        "'something of git-sync that the stack does not use: a hook, a restart policy'",
    ),
    (
        f"{_nobody_else_writes('apart', REPOSITORY_FOLDER)} && (size(variables.apart) == 0 || "
        "!has(variables.spec.shareProcessNamespace) || !variables.spec.shareProcessNamespace)",
        "'folders or processes of git-sync in another container'",
    ),
    (
        # A resolver's pod has the user as its own.
        f"variables.fetching.all(c, {_user('c', GIT_USER)} || (!has(variables.spec.initContainers) && "
        f"{_user('variables.spec', GIT_USER)})) && variables.containers.all(c, c.image == variables.gitImage "
        f"|| !{_user('c', GIT_USER)}) && (!{_user('variables.spec', GIT_USER)} || "
        "(size(variables.containers) == 1 && size(variables.fetching) == 1))",
        "'the user that fetches, in a container that does not, or git-sync as another user'",
    ),
)
"""Expressions, and the messages with which they refuse."""
INSTALL_VARIABLES = (
    (
        "packagesVolumes",
        "variables.volumes.filter(v, has(v.secret) && v.secret.secretName in variables.packagesSecrets && "
        "!(v.secret.secretName in variables.mountedSecrets)).map(v, v.name)",
    ),
    ("installing", f"variables.containers.filter(c, {_INSTALLS})"),
    ("installingApart", "size(variables.apart) == 0 ? [] : variables.installing"),
)
INSTALL_VALIDATIONS = (
    (
        f"variables.containers.all(c, ({_INSTALLS}) || {mounts('c')}"
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
        "variables.installing.all(c, has(c.args) && size(c.args) > 0 && "
        f"c.args[0].startsWith('{REPOSITORY_FOLDER}/.worktrees/') && c.args.all(a, !a.contains('..')))",
        "'an argument of what installs packages that the stack does not use'",
    ),
    (
        f"variables.installing.all(c, {_ENV}.all(e, "
        f"!has(e.valueFrom) && (e.name in {[packages.LIVE, packages.LIVE_AS_OF]} || "
        "e.name + '=' + (has(e.value) ? e.value : '') in variables.packagesVariables)))",
        "'a variable of what installs packages that the stack does not use'",
    ),
    (
        f"variables.installing.all(c, {_mounts_are('packagesPlaces')})",
        "'a volume of what installs packages that the stack does not use'",
    ),
    (
        f"variables.installing.all(c, {_NOTHING_ELSE})",
        "'something of what installs packages that the stack does not use: a hook, a restart policy'",
    ),
    (
        _nobody_else_writes("installingApart", CHOSEN_FOLDER),
        "'folders of what installs packages in another container'",
    ),
    (
        f"!{_user('variables.spec', PACKAGES_USER)} && variables.containers.all(c, "
        f"({_INSTALLS}) == {_user('c', PACKAGES_USER)})",
        "'the user that environments belong to, in a container that does not install'",
    ),
)
"""Expressions, and the messages with which they refuse."""
Limits = Mapping[str, Sequence[Any]]


def limits_of(init: Sequence[Object], volumes: Sequence[Object], install: str) -> dict[str, list[Any]]:
    """Return what the init containers of a release's pod have, by list. `install`: the name of the second."""
    found = {one["name"]: one for one in volumes}
    fetching = [one for one in init if one["name"] == gitsync.NAME]
    installing = [one for one in init if one["name"] == install]
    return {
        "flags": [tuple(one["args"][2:]) for one in fetching],
        "gitPairs": [pair for one in fetching for pair in _pairs(one)],
        "gitPlaces": [f"{_repository(one)}|{place}" for one in fetching for place in places(one, found)],
        "packagesPlaces": [place for one in installing for place in places(one, found)],
    }


def resolver_limits(pod: Object) -> dict[str, list[Any]]:
    """Return what the container of a resolver's pod has, by list."""
    found = {one["name"]: one for one in pod["spec"]["volumes"]}
    (one,) = pod["spec"]["containers"]
    return {
        "gitPairs": list(_pairs(one)),
        "gitPlaces": [f"{one['args'][0]}|{place}" for place in places(one, found)],
        "gitVariables": [f"{each['name']}={each['value']}" for each in one["env"] if "value" in each],
    }


def _repository(container: Object) -> str:
    return str(container["args"][0]).removeprefix("--repo=")


def _pairs(container: Object) -> Iterator[str]:
    """Yield each variable from a Secret, with the repository that it is for."""
    for one in container.get("env", ()):
        if "valueFrom" in one:
            key = one["valueFrom"]["secretKeyRef"]
            yield "|".join((_repository(container), one["name"], key["name"], key["key"]))


SCRIPTS = (("resolve", literal(one_shot_pods.RESOLVER_SCRIPT)), ("fetch", literal(fetch_script.SCRIPT)))
