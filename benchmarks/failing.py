"""Measures how soon a candidate's failure is named, against other tools, on the tests' cluster.

`kubectl rollout status` and `helm upgrade --wait` get the very same Deployment and PEER_SECONDS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import helm
from benchmarks.figures import MEASURED, Figure, table
from playground_ops.core.errors import FindingKind
from playground_ops.core.model import Release, Revision
from playground_ops.render import release as rendering
from playground_ops.targets.kubernetes.releases import archive
from tests.cluster.access import own
from tests.cluster.cluster import Cluster
from tests.kubernetes.candidates import Case, Ended, Known, Place, a_place
from tests.kubernetes.cases import CASES, CODE, commits, privileged
from tests.stacks import ROOT

RESULTS = MEASURED / "kubernetes-failures.md"
PEER_SECONDS = 60
KUBECTL, HELM = "kubectl rollout status", "helm upgrade --wait"


@dataclass(frozen=True)
class Told:
    """The last output of another tool, and the seconds until it."""

    seconds: float
    words: str
    found: bool
    """Whether it came before the tool's time was over."""


def main() -> None:
    os.environ.setdefault("PLAYGROUND_TEST_SESSION", f"benchmark-{os.getpid()}")
    access = own(Cluster.here())
    os.environ["KUBECONFIG"] = access.kubeconfig
    with (
        tempfile.TemporaryDirectory() as folder,
        a_place(access, Path(folder)) as place,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(rendering, "render", privileged(rendering.render))
        made = commits(place.code)
        with Known(place.connection, place.namespace) as known:
            ours = each(lambda case: place.fail(case, made[case.name], known))
        peers = {KUBECTL: each(lambda case: rollout_status(place, case, made[case.name]))}
        if helm.PROGRAM:
            peers[HELM] = each(lambda case: upgrade(place, case, made[case.name], Path(folder)))
    RESULTS.write_text(text(ours, peers))


def each(measured: Callable[[Case], Any]) -> dict[str, Any]:
    """Measure all cases; of code that imports Dagster, only as many at once as there are processors."""
    with ThreadPoolExecutor(4) as light, ThreadPoolExecutor(2) as heavy:
        futures = {
            case.name: (heavy if case.whose == CODE else light).submit(measured, case) for case in CASES
        }
        return {name: future.result() for name, future in futures.items()}


def objects(place: Place, case: Case, commit: str, prefix: str) -> list[dict[str, Any]]:
    """Return the objects of the same candidate, under another name."""
    location = place.location(replace(case, name=f"{prefix}-{case.name}"))
    release = Release(
        location=location,
        number=1,
        revision=Revision(repository=location.repository, commit=commit),
        configuration="c",
        created_at="2026-01-01T00:00:00Z",
    )
    found = rendering.render(release, place.configuration, archive.name_of(ROOT))
    for one in found:
        one["metadata"]["namespace"] = place.namespace
    return found


def rollout_status(place: Place, case: Case, commit: str) -> Told:
    made = objects(place, case, commit, "k")
    name = next(one["metadata"]["name"] for one in made if one["kind"] == "Deployment")
    began = time.monotonic()
    place.access.apply(*made, namespace=place.namespace)
    command = ["rollout", "status", f"deployment/{name}", f"--timeout={PEER_SECONDS}s"]
    told = run([place.access.program, "-n", place.namespace, *command], began)
    for one in made:
        place.access.kubectl("delete", one["kind"], one["metadata"]["name"], namespace=place.namespace)
    return told


def upgrade(place: Place, case: Case, commit: str, folder: Path) -> Told:
    chart = folder / f"chart-{case.name}"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(helm.CHART)
    documents = yaml.safe_dump_all(objects(place, case, commit, "h"))
    (chart / "templates" / "all.yaml").write_text(documents.replace("{{", '{{ "{{" }}'))
    where = ["-n", place.namespace]
    waited = ["--wait", "--timeout", f"{PEER_SECONDS}s"]
    began = time.monotonic()
    told = run([str(helm.PROGRAM), "upgrade", "--install", case.name, str(chart), *where, *waited], began)
    subprocess.run([str(helm.PROGRAM), "uninstall", case.name, *where], capture_output=True, check=False)
    return told


def run(command: list[str], began: float) -> Told:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    words = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
    return Told(took, words[-1] if words else "", took < PEER_SECONDS)


def text(ours: dict[str, Ended], peers: dict[str, dict[str, Told]]) -> str:
    known = [found.seconds for found in ours.values() if found.finding.kind is FindingKind.CERTAIN]
    waited = [found.seconds for found in ours.values() if found.finding.kind is not FindingKind.CERTAIN]
    figures = [
        Figure("what is certain, from the cluster's word until it is said", known, bound=10, judged="max"),
        Figure("what may pass, likewise: it is waited for up to 20 s, and want of room 8 s", waited),
        Figure("this project, from the beginning until it is said", [one.took for one in ours.values()]),
        *(
            Figure(f"`{name}`, from the beginning until it ends", [one.seconds for one in told.values()])
            for name, told in peers.items()
        ),
    ]
    lines = [
        "# How soon failures of candidates are named",
        "",
        f"Written by `uv run python -m benchmarks.failing`. Peers had {PEER_SECONDS} s; their own limits are "
        "600 s (a Deployment's progressDeadlineSeconds) and 300 s (Helm's --timeout).",
        "",
        f"{date.today()}. {table(figures)}",
        f"| failure | this project: s | of which the cluster did not know | its sentence | {head(peers)} |",
        f"|---|---:|---:|---|{'---|' * len(peers)}",
        *(row(case, ours[case.name], [told[case.name] for told in peers.values()]) for case in CASES),
    ]
    return "\n".join(lines) + "\n"


def head(peers: dict[str, Any]) -> str:
    return " | ".join(f"`{name}`" for name in peers)


def row(case: Case, own_one: Ended, peers: list[Told]) -> str:
    hidden = max(0.0, own_one.took - own_one.seconds)
    said = json.dumps(own_one.finding.sentence(), ensure_ascii=False)[1:-1].replace("|", "\\|")
    theirs = " | ".join(
        f"{one.seconds:.1f} s: {one.words[:160]}"
        if one.found
        else f"not within {one.seconds:.0f} s: {one.words[:160]}"
        for one in peers
    )
    return f"| {case.name} | {own_one.took:.1f} | {hidden:.1f} | {said[:300]} | {theirs} |"


if __name__ == "__main__":
    print(f"{len(CASES)} failures", file=sys.stderr)
    main()
