"""Pods that do one thing for a rollout and end: resolve refs, or try a candidate.

They have the location's own git credentials, so that whoever asks for them never holds these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.model import Location, Release
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.render import git_protocols
from playground_ops.render import release as rendering
from playground_ops.render.fetch_script import AUTHORITY
from playground_ops.render.gitsync import GIT_USER, is_ssh, secret_volume, user_variables
from playground_ops.render.mounted_versions import with_versions
from playground_ops.render.names import (
    GIT_SECRET_FOLDER,
    LOCATION,
    Object,
    an_object,
    labels,
    location_service,
)
from playground_ops.render.namespaces import as_account, place
from playground_ops.render.pod import Container, Pod, container, variable, writable

COMPONENT, NAME = "resolver", "resolve"
USER_VARIABLE = "GIT_USER"
ALL_REFS = "all names:"
RESOLVER_SCRIPT = f"""\
{AUTHORITY}\
found=$(git ls-remote -- "$@") || exit $?
printf '%s\\n' "$found"
repository=$1
shift
for name; do
  case "$name" in
    HEAD | *'^{{}}') continue ;;
    refs/heads/*) or=refs/tags/${{name#refs/heads/}} ;;
    refs/tags/*) or=refs/heads/${{name#refs/tags/}} ;;
    *) or=$name ;;
  esac
  case "$found
" in
    *"\t$name
"* | *"\t$or
"*) ;;
    *) echo "{ALL_REFS}"; git ls-remote --heads --tags --refs -- "$repository"; exit ;;
  esac
done
"""
"""For a wrong ref, all names are listed in the same pod: another pod would take seconds more."""
HELPER = (
    '!f() { test -n "$GIT_USER" || return 0; read -r word < '
    + f"{GIT_SECRET_FOLDER}/password"
    + '; printf "username=%s\\npassword=%s\\n" "$GIT_USER" "$word"; }; f'
)
SSH = (
    f"ssh -i {GIT_SECRET_FOLDER}/ssh -o UserKnownHostsFile={GIT_SECRET_FOLDER}/known_hosts "
    "-o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20"
)
RESOLVER_RESOURCES = Resources(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "256Mi"})


def resolver_pod(
    locations: Sequence[Location], names: Sequence[str], configuration: Configuration, name: str, seconds: int
) -> Object:
    """Return a pod that resolves refs of one repository. It ends by itself, or after `seconds`."""
    location = locations[0]
    repository, secret = location.repository or "", location.git_secret
    volumes = [writable("tmp", "/tmp"), *secret_volume(secret)]
    found = Container(
        name=NAME,
        image=configuration.images.git_sync,
        resources=RESOLVER_RESOURCES,
        command=["sh", "-c", RESOLVER_SCRIPT, NAME],
        arguments=[repository, *names],
        variables=resolver_variables(repository, secret),
        volumes=volumes,
    )
    where = place(configuration, location.name)
    tags = {**labels(name, COMPONENT), **where.tags}
    if len(locations) == 1:
        tags = {**tags, LOCATION: location.name}
    settings = location.pod.placement()
    template = Pod(
        [container(found, PodSettings())], settings, tags, volumes, user=GIT_USER, grace_seconds=1
    ).render()
    made = an_object("v1", "Pod", name, where.namespace, tags)
    own = {**as_account(where), "restartPolicy": "Never", "activeDeadlineSeconds": seconds}
    return {**made, "spec": {**template["spec"], **own}}


def resolver_variables(repository: str, secret: str | None) -> list[Object]:
    options = {**dict(git_protocols.OPTIONS), "http.lowSpeedLimit": "100", "http.lowSpeedTime": "20"}
    own = [variable("HOME", "/tmp"), variable("GIT_TERMINAL_PROMPT", "0"), variable("LC_ALL", "C")]
    own += [variable(name, "/dev/null") for name in ("GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL")]
    if secret is not None and is_ssh(repository):
        own.append(variable("GIT_SSH_COMMAND", SSH))
    elif secret is not None:
        options["credential.helper"] = HELPER
        own += user_variables(USER_VARIABLE, repository, secret)
    return own + [variable(*one) for one in git_protocols.variables([*options.items()]).items()]


SMOKE_COMPONENT = "smoke"


@dataclass(frozen=True)
class Script:
    """A program in Python, which gets the options that say what to load, and then `arguments`."""

    text: str
    arguments: Sequence[str]


def smoke_pod(
    release: Release, configuration: Configuration, archive: str, name: str, script: Script
) -> Object:
    """Return a pod that ends by itself, or when the location's smoke timeout is over.

    It has the location's label but no release's, so that no address leads to it.
    """
    where, app = place(configuration, release.location.name), location_service(release.location.name)
    tags = {**labels(app, SMOKE_COMPONENT), LOCATION: release.location.name, **where.tags}
    purpose = rendering.Purpose(tags, _command(release, script))
    template = rendering.template(release, configuration, archive, purpose)
    whole = with_versions(template, configuration, where.namespace)
    made = an_object("v1", "Pod", name, where.namespace, whole["metadata"]["labels"])
    made["metadata"] = {**whole["metadata"], **made["metadata"]}
    seconds = release.location.smoke_timeout_seconds
    own = {"activeDeadlineSeconds": seconds, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {**made, "spec": {**whole["spec"], **own}}


def _command(release: Release, script: Script) -> list[str]:
    if release.revision.repository is not None:
        return [*rendering.reading(release), "--script", script.text, "--", *script.arguments]
    return ["python", "-c", script.text, *rendering.loading(release), *script.arguments]
