"""Every way in which a candidate does not come up, and the expected report about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playground_ops.core.errors import FindingKind
from playground_ops.core.model import Release
from playground_ops.core.pod_settings import Resources, Volume
from tests import pipelines
from tests.cluster.gitservers import NAME
from tests.kubernetes.candidates import REGISTRY_PORT, Case
from tests.pipelines import Pipeline

CERTAIN, TRANSIENT, CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY
CODE, SURROUNDINGS = "code", "surroundings"
PORT = f"""\
import socket
kept = socket.create_server(("0.0.0.0", 4000))
{pipelines.DEFINITIONS.format(asset="port")}"""
LAZY = """\
import dagster as dg


def broken() -> dg.JobDefinition:
    raise RuntimeError("the job can't be made")


@dg.repository
def lazy():
    return {"jobs": {"broken": broken}}
"""
MEMORY = "kept = bytearray(600 << 20)\n"
PACKAGE = "import sklearn.linear_model\n"
NETWORK = "raise ConnectionRefusedError('the warehouse does not answer')\n"
ENDS = "import sys; sys.exit(0)\n"
EXITS = "import os; os._exit(7)\n"


def secret(name: str) -> Volume:
    return Volume(name="x", path="/mnt/x", secret=name)


CASES = [
    Case(
        "no-image-name",
        CERTAIN,
        SURROUNDINGS,
        "The image's name is not one",
        pod={"image": "docker.io/Nosuch:1"},
    ),
    Case(
        "no-image",
        CERTAIN,
        SURROUNDINGS,
        "no such image",
        pod={"image": f"localhost:{REGISTRY_PORT}/nosuch:1"},
    ),
    Case(
        *("bad-pull-secret", CERTAIN, SURROUNDINGS, "does not let this cluster pull"),
        pod={"image": f"localhost:{REGISTRY_PORT}/private:1", "image_pull_secrets": ("wrong",)},
    ),
    Case(
        "no-registry",
        TRANSIENT,
        SURROUNDINGS,
        "can't reach the image's registry",
        pod={"image": "registry.playground.test/a:1"},
    ),
    Case(
        "no-room",
        CAPACITY,
        SURROUNDINGS,
        "No node has room",
        pod={"resources": Resources(requests={"cpu": "900"})},
    ),
    Case("no-node", CERTAIN, SURROUNDINGS, "No node is one", pod={"node_selector": {"disk": "none"}}),
    Case(
        "no-claim",
        CERTAIN,
        SURROUNDINGS,
        "Its volume is not there",
        pod={"volumes": (Volume(name="x", path="/mnt/x", claim="nosuch"),)},
    ),
    Case(
        "unbound-claim",
        CAPACITY,
        SURROUNDINGS,
        "Its claim has no volume yet",
        pod={"volumes": (Volume(name="x", path="/mnt/x", claim="unbound"),)},
    ),
    Case("quota", CAPACITY, SURROUNDINGS, "quota leaves no room", pod={"priority_class": "QUOTA"}),
    Case(
        "refused",
        CERTAIN,
        SURROUNDINGS,
        "A policy of the cluster refuses the pod",
    ),
    Case(
        "no-secret",
        CERTAIN,
        SURROUNDINGS,
        'secret "nosuch" not found',
        pod={"environment_from_secrets": ("nosuch",)},
    ),
    Case(
        "no-secret-files",
        CERTAIN,
        SURROUNDINGS,
        'secret "nosuch" not found',
        pod={"volumes": (secret("nosuch"),)},
    ),
    Case(
        "no-config-map",
        CERTAIN,
        SURROUNDINGS,
        'configmap "nosuch" not found',
        pod={"environment_from_config_maps": ("nosuch",)},
    ),
    Case("git-away", TRANSIENT, SURROUNDINGS, "connection", more={"repository": f"http://{NAME}:1/x.git"}),
    Case(
        "git-password",
        CERTAIN,
        SURROUNDINGS,
        "wants credentials",
        more={"repository": "HTTP", "git_secret": "bad-password"},
    ),
    Case(
        "git-host-key",
        CERTAIN,
        SURROUNDINGS,
        "host key is not the one",
        more={"repository": "SSH", "git_secret": "bad-hosts"},
    ),
    Case(
        "git-key",
        CERTAIN,
        SURROUNDINGS,
        "did not accept",
        more={"repository": "SSH", "git_secret": "bad-key"},
    ),
    Case("git-no-commit", CERTAIN, SURROUNDINGS, "The commit is not in the repository", commit="f" * 40),
    Case("import-error", CERTAIN, CODE, "cannot import name 'there_is_no_such_name'", pipelines.IMPORT_ERROR),
    Case("no-module", CERTAIN, CODE, "module/nosuch: It is not in the repository", more={"module": "nosuch"}),
    Case("no-package", CERTAIN, CODE, "have the package scikit-learn", PACKAGE),
    Case("raises", CERTAIN, CODE, "the price list has no column vat", pipelines.RAISES),
    Case("network", TRANSIENT, CODE, "the warehouse does not answer", NETWORK),
    Case(
        "memory",
        CERTAIN,
        CODE,
        "more memory than its limit",
        MEMORY,
        pod={"resources": Resources(limits={"memory": "300Mi"})},
    ),
    Case("crash-loop", CERTAIN, CODE, "exit code 7", EXITS),
    Case("ends", CERTAIN, CODE, "exit code 0", ENDS),
    Case(
        "hangs",
        CERTAIN,
        CODE,
        "did not answer within 15 s",
        pipelines.HANGS,
        more={"startup_timeout_seconds": 15},
        own_seconds=15,
    ),
    Case("port", CERTAIN, CODE, "port that the server is to listen on is in use", PORT),
    Case("lazy", CERTAIN, CODE, "the job can't be made", LAZY),
    Case("invalid", CERTAIN, CODE, "Dagster refuses the definitions", pipelines.INVALID),
]


def commits(code: Pipeline) -> dict[str, str]:
    good = code.commit("good")
    return {
        case.name: case.commit or (code.commit_text(case.code, case.name) if case.code else good)
        for case in CASES
    }


def privileged(render: Callable[..., list[dict[str, Any]]]) -> Callable[..., list[dict[str, Any]]]:
    """Make one location's pods worse: Pod Security never refuses what this project renders."""

    def made(release: Release, *arguments: Any) -> list[dict[str, Any]]:
        found = render(release, *arguments)
        if release.location.name.endswith("refused"):
            found[0]["spec"]["template"]["spec"]["hostNetwork"] = True
        return found

    return made
