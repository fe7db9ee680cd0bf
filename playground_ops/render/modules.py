"""Modules of this project that webserver and daemon load or are: a ConfigMap on their path, no image.

They are few, and need nothing that Dagster's images lack. Both are restarted when one changes.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from playground_ops.render.names import MODULES, MODULES_FOLDER, Object, an_object, labels
from playground_ops.render.pod import Mounted

_ROOT = Path(__file__).parents[1]
FRONT_DOOR = "playground_ops.frontdoor"
SERVER_LAUNCHER = "playground_ops.targets.kubernetes.inside.server_launcher"
POD_LAUNCHER = "playground_ops.targets.kubernetes.inside.pod_launcher"
_FILES = (
    "__init__.py",
    "core/__init__.py",
    "core/errors.py",
    "core/known_secrets.py",
    "core/plain.py",
    "core/redact.py",
    "core/secret_forms.py",
    "core/secret_keys.py",
    "core/secret_values.py",
    "core/secret_words.py",
    "frontdoor/__init__.py",
    "frontdoor/__main__.py",
    "frontdoor/command.py",
    "frontdoor/deployment_bar.py",
    "frontdoor/hosts.py",
    "frontdoor/middleware.py",
    "frontdoor/operations.py",
    "frontdoor/refusals.py",
    "frontdoor/webserver.py",
    "render/__init__.py",
    "render/names.py",
    "targets/__init__.py",
    "targets/common/__init__.py",
    "targets/common/origins.py",
    "targets/common/run_launching.py",
    "targets/common/server_protocol.py",
    "targets/kubernetes/__init__.py",
    "targets/kubernetes/inside/__init__.py",
    "targets/kubernetes/inside/pod_launcher.py",
    "targets/kubernetes/inside/server_launcher.py",
)
"""The front door and what the two launchers import, with the packages around them: else an installed version
would be found."""


def config_map(namespace: str) -> Object:
    tags = labels(MODULES, "instance")
    return an_object("v1", "ConfigMap", MODULES, namespace, tags, data=dict(_content()))


def mounted() -> Mounted:
    items = [{"key": _key(name), "path": f"{_ROOT.name}/{name}"} for name in _FILES]
    source = {"configMap": {"name": MODULES, "items": items}}
    return Mounted(MODULES, MODULES_FOLDER, source, read_only=True)


@cache
def _content() -> Mapping[str, str]:
    """Return the files by key, read once: they are part of each rendering of webserver and daemon."""
    return {_key(name): (_ROOT / name).read_text() for name in _FILES}


def version_of_front_door() -> str:
    """Return a hash of its files: a webserver that was started with others is not the one that is wanted."""
    text = repr([content for key, content in _content().items() if key.startswith(f"{FRONT_DOOR}.")])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _key(name: str) -> str:
    """Return the file's key: those of a ConfigMap have no slashes."""
    return f"{_ROOT.name}.{name.replace('/', '.')}"
