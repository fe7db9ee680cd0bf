"""Files of a Secret, variables of a ConfigMap and a budget, of a location that really runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.gitservers import anonymous
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import POD
from tests.pipelines import DEFINITIONS, pipeline

READS = (
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
A = "reads"
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "words"},
    "stringData": {"word": "apple"},
}
SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"COLOUR": "red"},
}


def test_code_reads_a_mounted_secret_and_variables_of_a_config_map(
    access: Access, shared_stack: Pool, tmp_path: Path
) -> None:
    code = pipeline(tmp_path / "code")
    code.commit_text(READS, "reads")
    pod = {
        **POD,
        "environment_from_config_maps": ["settings"],
        "volumes": [
            {"name": "words", "path": "/etc/words", "secret": "words"},
            {"name": "scratch", "path": "/var/scratch", "empty_dir": "1Mi"},
        ],
        "disruption_budget": True,
    }
    stack = shared_stack.bare()
    with anonymous(tmp_path) as url:
        repo = {"url": f"{url}/code", "ref": "main"}
        stack.configure(code_locations=[{"name": A, "repo": repo, "module": "pipeline", "pod": pod}])
        refused = stack.run("deploy")
        said = refused.stdout + refused.stderr
        assert (refused.returncode, "secret/words" in said, "configmap/settings" in said) == (1, True, True)

        access.apply(SECRET, SETTINGS, namespace=stack.namespace)
        stack.ok("deploy")
        assert stack.assets(A) == ["apple_red"]
        assert "Nothing to do" in stack.ok("deploy")

        before = {one["name"]: one["release"] for one in stack.status()["locations"]}
        access.apply({**SETTINGS, "data": {"COLOUR": "green"}}, namespace=stack.namespace)
        stack.ok("deploy")
        after = {one["name"]: one["release"] for one in stack.status()["locations"]}
        assert after == {**before, A: before[A] + 1}
        assert stack.assets(A) == ["apple_green"]

        (serving,) = [
            one
            for one in stack.pods("location")
            if one["metadata"]["labels"]["playground.dagster/release"] == str(after[A])
            and one["metadata"]["labels"]["playground.dagster/location"] == A
        ]
        name = serving["metadata"]["name"]
        eventually("the budget to know its pods", lambda: stack.get("pdb", f"dagster-grpc-{A}")["status"])
        with pytest.raises(KubectlFailed, match="disruption budget"):
            evict(access, stack.namespace, name)
        ops = next(one for one in stack.pods("location") if "-ops-" in one["metadata"]["name"])
        evict(access, stack.namespace, ops["metadata"]["name"])

        stack.configure(code_locations=[])
        stack.ok("deploy")
        assert stack.get("pdb")["items"] == []


def evict(access: Access, namespace: str, pod: str) -> None:
    """As `kubectl drain` asks for it, without the wait."""
    metadata = {"name": pod, "namespace": namespace}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    where = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    access.kubectl("create", "--raw", where, "-f", "-", stdin=json.dumps(eviction))
