"""A short pod that asks a repository what refs mean, from where the fetch will happen.

It has the location's own git credentials, so that whoever asks for it never holds them.
"""

from __future__ import annotations

from collections.abc import Sequence

from playground_ops.config import Configuration
from playground_ops.model import Location
from playground_ops.pods import PodSettings, Resources
from playground_ops.render.gitsync import GIT_USER, is_ssh, secret_volume
from playground_ops.render.names import GIT_SECRET_FOLDER, LOCATION, Object, an_object, labels
from playground_ops.render.places import as_account, place
from playground_ops.render.pod import Container, container, pod, secret_variable, variable, writable

COMPONENT, NAME = "resolver", "resolve"
USER_VARIABLE = "GIT_USER"
ALL = "all names:"
SCRIPT = f"""\
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
    *) echo "{ALL}"; git ls-remote --heads --tags --refs -- "$repository"; exit ;;
  esac
done
"""
"""What a wrong ref may have been meant to be is asked at once: another pod would take seconds more."""
HELPER = (
    "!f() { read -r word < "
    + f"{GIT_SECRET_FOLDER}/password"
    + '; printf "username=%s\\npassword=%s\\n" "$GIT_USER" "$word"; }; f'
)
SSH = (
    f"ssh -i {GIT_SECRET_FOLDER}/ssh -o UserKnownHostsFile={GIT_SECRET_FOLDER}/known_hosts "
    "-o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20"
)
RESOURCES = Resources(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "256Mi"})


def render(
    locations: Sequence[Location],
    names: Sequence[str],
    configuration: Configuration,
    name: str,
    seconds: int,
) -> Object:
    """For all `locations`, which have one repository. It ends by itself: well, badly, or after `seconds`."""
    location = locations[0]
    repository, secret = location.repository or "", location.git_secret
    volumes = [writable("tmp", "/tmp"), *secret_volume(secret)]
    found = Container(
        name=NAME,
        image=configuration.images.git_sync,
        resources=RESOURCES,
        command=["sh", "-c", SCRIPT, NAME],
        arguments=[repository, *names],
        variables=variables(repository, secret),
        volumes=volumes,
    )
    where = place(configuration, location.name)
    tags = {**labels(name, COMPONENT), **where.tags}
    if len(locations) == 1:
        tags = {**tags, LOCATION: location.name}
    settings = location.pod.placement()
    template = pod([container(found, PodSettings())], settings, tags, volumes, user=GIT_USER, grace_seconds=1)
    made = an_object("v1", "Pod", name, where.namespace, tags)
    own = {**as_account(where), "restartPolicy": "Never", "activeDeadlineSeconds": seconds}
    return {**made, "spec": {**template["spec"], **own}}


def variables(repository: str, secret: str | None) -> list[Object]:
    options = {
        "protocol.ext.allow": "never",
        "http.lowSpeedLimit": "100",
        "http.lowSpeedTime": "20",
    }
    own = [variable("HOME", "/tmp"), variable("GIT_TERMINAL_PROMPT", "0"), variable("LC_ALL", "C")]
    if secret is not None and is_ssh(repository):
        own.append(variable("GIT_SSH_COMMAND", SSH))
    elif secret is not None:
        options["credential.helper"] = HELPER
        own.append(secret_variable(USER_VARIABLE, secret, "username"))
    for number, (key, value) in enumerate(options.items()):
        own += [variable(f"GIT_CONFIG_KEY_{number}", key), variable(f"GIT_CONFIG_VALUE_{number}", value)]
    return [*own, variable("GIT_CONFIG_COUNT", str(len(options)))]
