"""Creates and replaces Secrets with git credentials, with a person's rights; never somebody else's."""

import base64
from collections.abc import Mapping

from playground_ops.config import Configuration
from playground_ops.core.errors import BadInput, Finding, PlaygroundError, certain
from playground_ops.core.model import Location
from playground_ops.core.redact import learn
from playground_ops.render import foundation
from playground_ops.render.gitsync import is_ssh
from playground_ops.render.mounted_versions import SECRET_VERSION
from playground_ops.render.names import MANAGER, an_object, labels
from playground_ops.render.namespaces import Place, place
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import collection, path
from playground_ops.targets.kubernetes.objects import inventory
from playground_ops.targets.kubernetes.objects.applying import apply_object
from playground_ops.targets.kubernetes.objects.secret_versions import new_version

COMPONENT = "git"
SSH_KEY, KNOWN_HOSTS, USERNAME, PASSWORD = "ssh", "known_hosts", "username", "password"
"""Keys of the Secret, by git-sync's documentation."""
AUTHORITY = "ca.crt"
"""The key with certificates of authorities, by the custom of Kubernetes."""
_BY, _OF = "app.kubernetes.io/managed-by", "app.kubernetes.io/component"


def users(configuration: Configuration, name: str) -> list[Location]:
    """Return the locations that name this Secret."""
    return [one for one in configuration.all_locations if one.git_secret == name]


def must_fit(configuration: Configuration, name: str, keys: Mapping[str, bytes]) -> None:
    """Raises BadInput for the locations whose repositories take other credentials than these."""
    wrong = [one for one in users(configuration, name) if is_ssh(one.repository or "") != (SSH_KEY in keys)]
    if wrong:
        raise BadInput(*(_other_way(one, SSH_KEY in keys) for one in wrong))
    plain = [one for one in users(configuration, name) if not (one.repository or "").startswith("https://")]
    if AUTHORITY in keys and plain:
        raise BadInput(*map(_without_a_certificate, plain))


def write_git_secret(
    connection: Connection, configuration: Configuration, name: str, content: Mapping[str, bytes]
) -> str:
    """Write it to the namespaces of the locations that name it. Returns `created` or `replaced`.

    Raises PlaygroundError when somebody else made the one that is there.
    """
    locations = [one.name for one in users(configuration, name)]
    places = [place(configuration, one) for one in locations] or [Place(configuration.kubernetes.namespace)]
    there = {one.namespace: one for one in places}.values()
    done = [_write(connection, configuration, name, content, one) for one in there]
    return done[0] if len({*done}) == 1 else "replaced"


def _write(
    connection: Connection,
    configuration: Configuration,
    name: str,
    content: Mapping[str, bytes],
    where: Place,
) -> str:
    learn(content[key].decode(errors="replace") for key in (PASSWORD, SSH_KEY) if key in content)
    namespace, tags = where.namespace, {**labels(name, COMPONENT), **where.tags}
    wanted = an_object("v1", "Secret", name, namespace, tags, type="Opaque")
    found = connection.metadata(path(wanted))
    if found is not None and not _is_ours(found):
        raise PlaygroundError(_strangers(name))
    wanted["metadata"]["annotations"] = {SECRET_VERSION: new_version(connection)}
    wanted["data"] = {key: base64.b64encode(value).decode() for key, value in content.items()}
    if found is None:
        _ensure_namespace(connection, configuration)
        connection.request("POST", collection("v1", "Secret", namespace), wanted)
        return "created"
    wanted["metadata"]["resourceVersion"] = found["resourceVersion"]
    connection.request("PUT", path(wanted), wanted)
    return "replaced"


def _ensure_namespace(connection: Connection, configuration: Configuration) -> None:
    """Create the namespaces, for Secrets that must exist before a stack's first bootstrap."""
    space = foundation.namespaces(configuration)[0]
    if connection.get(path(space)) is None:
        apply_object(connection, space)
    inventory.make_namespaces(connection, configuration)


def _is_ours(metadata: Mapping[str, Mapping[str, str]]) -> bool:
    tags = metadata.get("labels") or {}
    return tags.get(_BY) == MANAGER and tags.get(_OF) == COMPONENT


def _strangers(name: str) -> Finding:
    return certain(
        object=f"secret/{name}",
        observed="It is there already, and was not made by this command.",
        cause="Somebody else's work is not overwritten, nor is the stack's own for another purpose.",
        fix="Take another name, or delete it first. A location may name it as it is, by `repo: secret:`.",
    )


def _other_way(location: Location, by_key: bool) -> Finding:
    way, other = ("HTTP", "--username and --token-file") if by_key else ("SSH", "--ssh-key and --known-hosts")
    return certain(
        object=f"location/{location.name}",
        observed=f"Its repository is fetched over {way}, and these are no credentials for that.",
        cause=f"The configuration names this Secret for {location.repository}.",
        fix=f"Give {other}, or change the repository's URL.",
    )


def _without_a_certificate(location: Location) -> Finding:
    return certain(
        object=f"location/{location.name}",
        observed="Its repository is not fetched over HTTPS, so its server shows no certificate.",
        cause=f"The configuration names this Secret for {location.repository}.",
        fix="Leave out --ca-file, or change the repository's URL to https://.",
    )
