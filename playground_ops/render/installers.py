"""What an admission policy lets a container do that installs packages: it alone has the index's credentials.

And it alone is the user whose environments all locations run on.
"""

from __future__ import annotations

from playground_ops.render import packages
from playground_ops.render.names import (
    APP_FOLDER,
    ARTIFACTS_FOLDER,
    PACKAGES_SECRET_FOLDER,
    PACKAGES_USER,
    SOURCE_FOLDER,
)

_INSTALLS = "has(c.command) && c.command == variables.install"


def _is_its_user(of: str) -> str:
    context = f"{of}.securityContext"
    return f"has({context}) && has({context}.runAsUser) && {context}.runAsUser == {PACKAGES_USER}"


VARIABLES = (
    (
        "packagesVolumes",
        "variables.volumes.filter(v, has(v.secret) && v.secret.secretName in variables.packagesSecrets && "
        "!(v.secret.secretName in variables.mountedSecrets)).map(v, v.name)",
    ),
    ("installing", f"variables.containers.filter(c, {_INSTALLS})"),
)
VALIDATIONS = (
    (
        f"variables.containers.all(c, ({_INSTALLS}) || (has(c.volumeMounts) ? c.volumeMounts : [])"
        ".all(m, !(m.name in variables.packagesVolumes)))",
        "'credentials of the package index in a container that does not install'",
    ),
    (
        # Nobody before it or beside it leaves something that it would run.
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
"""Expressions, and in what words they refuse."""
