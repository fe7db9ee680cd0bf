"""Limits whose database a location's pods reach to that of its own deployment: a part of a policy.

`ops` itself acts on all, and so do its Jobs, which are no location's pods.
"""

from playground_ops.config import OPS, Configuration
from playground_ops.render.admission_containers import literal
from playground_ops.render.database import password_secret
from playground_ops.render.namespaces import Scope

_OF = (
    "((has({0}.env) ? {0}.env : []).filter(e, has(e.valueFrom) && has(e.valueFrom.secretKeyRef))"
    ".map(e, e.valueFrom.secretKeyRef.name) + (has({0}.envFrom) ? {0}.envFrom : [])"
    ".filter(e, has(e.secretRef)).map(e, e.secretRef.name)).filter(n, n in variables.databases)"
)
"""CEL: the Secrets with passwords of databases in the environment of a container."""
_VALIDATION = (
    # A commit of `ops` may add locations: such a one has a single database.
    f"variables.ownName in ['', '{OPS.name}'] || variables.containers.all(c, {_OF.format('c')}.all(n, "
    "variables.ownName in variables.databaseOf ? n == variables.databaseOf[variables.ownName] : "
    f"variables.containers.all(d, {_OF.format('d').replace('n, n in', 'm, m in')}.all(m, m == n))))",
    "'the database of another deployment'",
)


def values(configuration: Configuration, scope: Scope) -> list[tuple[str, str]]:
    """Return the configuration's values as CEL; none where there is one database."""
    if len(scope.deployments) == 1:
        return []
    secrets = {name: password_secret(configuration.of(name)) for name in scope.deployments}
    of = {one.name: secrets[one.deployment] for one in scope.locations if one.name != OPS.name}
    return [("databases", literal(sorted({*secrets.values()}))), ("databaseOf", literal(of))]


def validations(scope: Scope) -> list[tuple[str, str]]:
    return [] if len(scope.deployments) == 1 else [_VALIDATION]
