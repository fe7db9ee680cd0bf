"""Modules of this project that webserver and daemon load: a ConfigMap on their path, no image.

They are few, and need nothing that Dagster's images lack. Both are restarted when one changes.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from playground_ops.render.names import MODULES, MODULES_FOLDER, Object, an_object, labels
from playground_ops.render.pod import Mounted

_ROOT = Path(__file__).parents[1]
SERVER_LAUNCHER = "playground_ops.targets.kubernetes.inside.server_launcher"
POD_LAUNCHER = "playground_ops.targets.kubernetes.inside.pod_launcher"
_FILES = (
    "__init__.py",
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
"""What the two launchers import, with the packages around it: else an installed version would be found."""


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


def _key(name: str) -> str:
    """Return the file's key: those of a ConfigMap have no slashes."""
    return f"{_ROOT.name}.{name.replace('/', '.')}"
