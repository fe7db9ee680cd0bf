"""What an admission policy lets a container do that fetches code: it alone has git credentials.

Whoever may choose its command, its variables, its files or who runs beside it could have it print what it
has, or send it somewhere. It does what this project renders, or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from playground_ops.model import Location
from playground_ops.render import gitsync, kept, resolver
from playground_ops.render.cel import literal
from playground_ops.render.names import APP_FOLDER, ARTIFACTS_FOLDER, GIT_SECRET_FOLDER

VARIABLES = (
    (
        "gitVolumes",
        "variables.volumes.filter(v, has(v.secret) && v.secret.secretName in variables.gitSecrets && "
        "!(v.secret.secretName in variables.mountedSecrets)).map(v, v.name)",
    ),
    ("fetching", "variables.containers.filter(c, c.image == variables.gitImage)"),
)
VALIDATIONS = (
    (
        # What fetches has the credentials, and what runs somebody's code has not.
        "variables.containers.all(c, c.image == variables.gitImage || (has(c.volumeMounts) ? c.volumeMounts"
        " : []).all(m, !(m.name in variables.gitVolumes)))",
        "'git credentials in a container that does not fetch'",
    ),
    (
        # Else whoever fetches could be told to print what it has, or to send it somewhere.
        "variables.containers.all(c, c.image != variables.gitImage || has(c.command) "
        "&& (c.command == ['sh', '-c', variables.resolve, 'resolve'] "
        "? c.args[0] in variables.repositories "
        f": c.command == ['sh', '-c', variables.fetch, '{gitsync.NAME}'] && c.args.all(a, "
        "a.startsWith('--repo=') ? a.substring(7) in variables.repositories "
        ": variables.flags.exists(f, a.startsWith(f)))))",
        "'a command of git-sync that the stack does not use, or a repository that is not configured'",
    ),
    (
        # Nobody before it or beside it leaves something that git would run.
        "size(variables.fetching) == 0 || (size(variables.fetching) == 1 && ("
        "has(variables.spec.initContainers) ? variables.spec.initContainers[0].image == variables.gitImage "
        ": size(variables.spec.containers) == 1))",
        "'git-sync after or beside another container'",
    ),
    (
        "variables.fetching.all(c, (has(c.env) ? c.env : []).all(e, has(e.valueFrom) "
        f"? has(e.valueFrom.secretKeyRef) && e.name in {[gitsync.USER_VARIABLE, resolver.USER_VARIABLE]} "
        f": e.name in {[kept.NAME, kept.LIVE]} || "
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
"""Expressions, and in what words they refuse."""


def values(locations: Sequence[Location]) -> list[tuple[str, str]]:
    """What the configuration has, as CEL: its strings are written as in JSON."""
    lists = {
        "repositories": {one.repository for one in locations if one.repository},
        "flags": set(gitsync.FLAGS),
        "gitVariables": {"HOME=/tmp", *_variables(locations)},
    }
    return [
        ("resolve", literal(resolver.SCRIPT)),
        ("fetch", literal(kept.SCRIPT)),
        *((name, literal(sorted(found))) for name, found in lists.items()),
    ]


def _variables(locations: Sequence[Location]) -> Iterator[str]:
    for one in locations:
        if one.repository:
            plain = resolver.variables(one.repository, one.git_secret)
            yield from (f"{found['name']}={found['value']}" for found in plain if "value" in found)
