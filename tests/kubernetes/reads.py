"""A location whose code reads files of a Secret and variables of a ConfigMap."""

from __future__ import annotations

from typing import Any

from tests.kubernetes.stacks import POD as SMALL
from tests.pipelines import DEFINITIONS

CODE = (
    DEFINITIONS.format(asset="plain")
    .replace(
        "import dagster as dg\n",
        """\
import os, pathlib
import dagster as dg

WORD = pathlib.Path("/etc/words/word").read_text()
pathlib.Path("/var/scratch/note").write_text(WORD)

@dg.asset(name=f"{WORD}_{os.environ['COLOUR']}")
def found() -> None: ...
""",
        1,
    )
    .replace("assets=[plain]", "assets=[found]")
)
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "words"},
    "stringData": {"word": "apple"},
}
ON_ITS_NODE = "128Mi"
"""How much of its node's disk a container may fill: so much that a test writes more in a second."""
POD: dict[str, Any] = {
    "resources": {**SMALL["resources"], "limits": {"ephemeral-storage": ON_ITS_NODE}},
    "environment_from_config_maps": ["settings"],
    "volumes": [
        {"name": "words", "path": "/etc/words", "secret": "words"},
        {"name": "scratch", "path": "/var/scratch", "empty_dir": "1Mi"},
    ],
    "disruption_budget": True,
}


def settings(colour: str) -> dict[str, Any]:
    metadata = {"name": "settings"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"COLOUR": colour}}
