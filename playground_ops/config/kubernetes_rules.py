"""Types for single values of Kubernetes, and their rules. Each raises ValueError(expected) in words."""

import ipaddress
import posixpath
import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

from playground_ops.config.rules import AsWritten, Listed
from playground_ops.config.shape import Matching, Shape

LONGEST_LABEL = 63
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_CONNECTION = (
    *("application_name", "channel_binding", "client_encoding", "connect_timeout", "gssencmode"),
    *("keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "options"),
    *("ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcrl", "sslkey", "sslmode"),
    *("sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout"),
)
OWN_VOLUMES = (
    *("app", "artifacts", "artifacts-store", "chosen-packages", "dagster-modules", "data", "fetch-tmp"),
    *("fetched-code", "git-secret", "home", "install-tmp", "instance", "packages-secret", "run", "source"),
    *("tmp", "workspace"),
)
OWN_FOLDERS = (
    *("/etc/artifacts-store", "/etc/git-secret", "/etc/packages-secret"),
    *("/opt/dagster/app", "/opt/dagster/artifacts", "/opt/dagster/backups", "/opt/dagster/chosen"),
    *("/opt/dagster/compute_logs", "/opt/dagster/dagster_home", "/opt/dagster/deployments"),
    *("/opt/dagster/environments", "/opt/dagster/instance", "/opt/dagster/kept"),
    *("/opt/dagster/locations", "/opt/dagster/modules"),
    "/opt/dagster/reads",
    *("/opt/dagster/source", "/opt/dagster/workspace"),
    *("/tmp", "/var/lib/postgresql/data", "/var/run", "/run", "/dev", "/proc", "/sys"),
)
"""The folders that some pod of the stack has mounted, and the system's."""
_OWN_PREFIXES = ("app.kubernetes.io/", "playground.dagster/")


def object_name(value: str) -> str:
    """Check a DNS-1123 subdomain."""
    if len(value) > 253 or not re.fullmatch(_SUBDOMAIN, value):
        raise ValueError("the name of an object: lower-case letters, digits, dashes and dots (DNS-1123)")
    return value


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Check that names are unique: server-side apply merges such a list by name and refuses duplicates."""
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"each name once; `{twice[0]}` is there {values.count(twice[0])} times")
    return values


def _cidr(value: str) -> str:
    """Return the normal form, as a NetworkPolicy needs it (Kubernetes 1.36 warns of others)."""
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError("addresses such as `10.20.0.0/16` or `10.20.0.7`, without bits of a host") from None


def _context(value: str) -> str:
    if not value.strip() or value.startswith("-") or not value.isprintable():
        raise ValueError("the name of a context, as `kubectl config get-contexts` lists them")
    return value


def label_key(value: str) -> str:
    """Check a key `[prefix/]name` of labels, annotations, taints or node selectors."""
    prefix, slash, name = value.rpartition("/")
    if slash and (len(prefix) > 253 or not re.fullmatch(_SUBDOMAIN, prefix)):
        raise ValueError("a key as `name` or `prefix.example/name`, with a DNS-1123 prefix")
    if len(name) > LONGEST_LABEL or not re.fullmatch(_NAME, name):
        raise ValueError("a key of at most 63 letters, digits, dashes, dots and underscores")
    return value


def _container_path(value: str) -> str:
    """Check for a normalized POSIX path, so that no place has two spellings."""
    if not value.startswith("/") or value != posixpath.normpath(value) or not value.isprintable():
        raise ValueError("an absolute path in the image, such as `/opt/dagster/app`")
    return value


def _connection_parameter(value: str) -> str:
    """Check a parameter of libpq (PostgreSQL documentation, "Database Connection Control Functions").

    Host, port, database and user have keys of their own, and passwords are in a Secret.
    """
    if value not in _CONNECTION:
        raise ValueError(f"a parameter of libpq: one of {', '.join(_CONNECTION)}")
    return value


def _own_label_key(value: str) -> str:
    """Check the key of a label or annotation that a person adds to the stack's own."""
    if value == "app" or value.startswith(_OWN_PREFIXES):
        raise ValueError("another key: this one is set by the stack")
    return label_key(value)


def _volume_name(value: str) -> str:
    """Check a DNS-1123 label that no volume of the stack's own has."""
    if len(value) > LONGEST_LABEL or not re.fullmatch(_LABEL, value):
        raise ValueError("a name: at most 63 lower-case letters, digits and dashes (DNS-1123)")
    if value in OWN_VOLUMES:
        raise ValueError("another name: the stack has a volume of this one")
    return value


def mount_path(value: str) -> str:
    """Check a folder that is neither one of the stack's own, nor in one, nor above one."""
    path = PurePosixPath(value)
    normal = path.is_absolute() and value == f"/{'/'.join(path.parts[1:])}"
    if not normal or ".." in path.parts or ":" in value:
        expected = "an absolute path of a folder such as `/etc/orders`, without `..`, `:` or a last `/`"
        raise ValueError(expected)
    for own in map(PurePosixPath, OWN_FOLDERS):
        if path.is_relative_to(own) or own.is_relative_to(path):
            raise ValueError(f"another folder: the stack's own {own} is there")
    return value


_KEY = rf"({_SUBDOMAIN}/)?{_NAME}"
_TAKEN = "|".join(prefix.replace(".", r"\.") for prefix in _OWN_PREFIXES)

Namespace = Annotated[
    AsWritten,
    Matching(
        _LABEL, "a namespace: at most 63 lower-case letters, digits and dashes (DNS-1123)", LONGEST_LABEL
    ),
    Shape("DNS-1123"),
]
ObjectName = Annotated[AsWritten, AfterValidator(object_name), Shape("name", _SUBDOMAIN, 253)]
SecretName = Annotated[ObjectName, Shape("Secret")]
ObjectNames = Annotated[Listed[ObjectName], AfterValidator(_each_once)]
HostName = Annotated[
    AsWritten, Matching(_SUBDOMAIN, "a host name such as `dagster.internal`"), Shape("host name")
]
UrlPath = Annotated[str, Matching(r"/|(/[A-Za-z0-9_-]+)+", "a path such as `/` or `/dagster`"), Shape("path")]
Cidr = Annotated[AsWritten, AfterValidator(_cidr), Shape("addresses", r"[0-9A-Fa-f:.]+(%\S+)?(/[0-9.]+)?")]
Context = Annotated[AsWritten, AfterValidator(_context), Shape("name", r"(?!-).*\S.*")]
Key = Annotated[str, AfterValidator(label_key), Shape(pattern=_KEY)]
OwnKey = Annotated[
    str, AfterValidator(_own_label_key), Shape(pattern=rf"(?!{_TAKEN}){_KEY}", not_one_of=("app",))
]
LabelValue = Annotated[
    AsWritten,
    Matching(rf"({_NAME})?", "at most 63 letters, digits, dashes, dots and underscores", LONGEST_LABEL),
]
ContainerPath = Annotated[str, AfterValidator(_container_path), Shape("absolute path", r"/.*")]
ConnectionParameter = Annotated[str, AfterValidator(_connection_parameter), Shape(one_of=_CONNECTION)]
VolumeName = Annotated[
    AsWritten, AfterValidator(_volume_name), Shape("DNS-1123", _LABEL, LONGEST_LABEL, OWN_VOLUMES)
]
MountPath = Annotated[
    AsWritten, AfterValidator(mount_path), Shape("absolute path", r"/[^:]+", not_one_of=OWN_FOLDERS)
]
