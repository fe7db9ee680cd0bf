"""Refuses settings that the target can't fulfil, and warns of those it ignores or that expose the UI."""

import ipaddress
from pathlib import Path

from playground_ops.config.configuration import Configuration
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.core.model import MAIN


def must_fit(configuration: Configuration, target: str) -> None:
    """Raises BadInput for all that the target can't do."""
    file, found = Path(configuration.source).name, []
    if target == "local" and configuration.runs_in_pods:
        found.append(_no_pods(file))
    elif configuration.isolated and configuration.runs_in_pods:
        names = ", ".join(one.name for one in configuration.isolated)
        found.append(_isolated_on_this_machine(file, names))
    if target == "kubernetes":
        found += [_no_files(file, *named) for named in named_files(configuration)]
    if found:
        raise BadInput(*found)


def named_files(configuration: Configuration) -> list[tuple[str, str]]:
    """Return each key that names a file of variables, with the file."""
    of_stack = configuration.environment_file
    own = [
        (index, one.environment_files[1 if of_stack else 0 :])
        for index, one in enumerate(configuration.locations)
    ]
    return [
        *([("environment_file", of_stack)] if of_stack else []),
        *((f"code_locations[{index}].environment_file", path) for index, files in own for path in files),
    ]


def _no_files(file: str, key: str, path: str) -> Finding:
    pod = "kubernetes.ops" if key == "environment_file" else key.replace("environment_file", "pod")
    return certain(
        object=f"{file}:{key}",
        observed=f"Found {path} on target kubernetes.",
        cause="Pods don't see files of this machine; their secret variables are in Secrets.",
        fix=f"`kubectl create secret generic NAME --from-env-file={path}` makes one: name it as `{pod}: "
        "environment_from_secrets: [NAME]`, and remove this key.",
    )


def _no_pods(file: str) -> Finding:
    return certain(
        object=f"{file}:run_launcher",
        observed="Found `kubernetes` on target local.",
        cause="There are no pods on one machine: a run is a process of its release's code server there.",
        fix="Remove `run_launcher`, set `target: kubernetes`, or add --target kubernetes.",
    )


def _isolated_on_this_machine(file: str, names: str) -> Finding:
    return certain(
        object=f"{file}:run_launcher",
        observed=f"Found `kubernetes` beside locations in namespaces of their own: {names}.",
        cause="The daemon launches runs in the stack's own namespace alone.",
        fix="Remove `isolation` of these locations, or `run_launcher`.",
    )


def ignored(configuration: Configuration, target: str) -> list[str]:
    """Return a sentence for each setting that the target ignores."""
    if target != "local":
        return []
    served = (
        "`ops.repo`: on target local `ops` is the program that manages the stack, and this file is in force."
    )
    alone = "`webserver.read_only`: on target local there is one webserver, in which everything can be done."
    beside = [
        f"`webserver.{key}` of deployment `{one.name}`: on target local its UI has a port of its own."
        for one in configuration.deployments
        for key in ("ingress", "path")
        if getattr(one.webserver, key) is not None
    ]
    return [
        *beside,
        *([served] if configuration.ops.repository is not None else []),
        *(
            f"Location {one.name} is in an image: on target local it does not come up."
            for one in configuration.locations
            if one.in_image
        ),
        *(
            f"Location {one.name} names the Secret {one.git_secret}: on target local git uses your own "
            "credentials instead."
            for one in configuration.locations
            if one.git_secret
        ),
        *([alone] if configuration.webserver.read_only else []),
        *(
            f"Location {one.name} is isolated: on target local it runs beside the others, as you."
            for one in configuration.isolated
        ),
    ]


LOGINS = ("auth", "oauth", "oidc", "middlewares", "login")
"""Parts of the names of annotations that add a login (ingress-nginx, Traefik, ALB, HAProxy)."""
SEE = "Whoever can open it can deploy: docs/login.md says how to put a login in front."


def exposed(configuration: Configuration, target: str) -> list[str]:
    """Return a warning for each way in which the UI is exposed without a login."""
    look = _on_machine if target == "local" else _in_cluster
    return [f"{told} {SEE}" for view in configuration.views for told in look(view)]


def _section(view: Configuration, main: str, of_webserver: str) -> str:
    """Return where a setting of a deployment stands in the file; `main`: that of the main one."""
    return main if view.deployment == MAIN else f"webserver.{of_webserver}` of deployment `{view.deployment}"


def _on_machine(configuration: Configuration) -> list[str]:
    host = configuration.webserver.host
    if _is_loopback(host):
        return []
    key = _section(configuration, "webserver.host", "host")
    return [f"`{key}` is {host}: others than this machine may reach the UI, and it has no login."]


def _in_cluster(configuration: Configuration) -> list[str]:
    """Check the ingress and the Service; the read-only webserver changes nothing, and may be exposed."""
    found, ingress = [], configuration.kubernetes.ingress
    if ingress and not any(word in key.lower() for key in ingress.annotations for word in LOGINS):
        key = _section(configuration, "kubernetes.ingress", "ingress")
        found.append(
            f"`{key}` leads from {ingress.host} to the UI, and none of its annotations asks for a login."
        )
    if configuration.webserver.pod.service_type != "ClusterIP":
        key = _section(configuration, "webserver.pod.service_type", "pod.service_type")
        found.append(
            f"`{key}` is {configuration.webserver.pod.service_type}, which makes the UI "
            "reachable from outside the cluster past any ingress, and it has no login."
        )
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
