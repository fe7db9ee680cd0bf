"""The stack on the cluster that a worker's files share, with the locations that they are going to use.

A location that is added later restarts webserver, daemon and `ops`, which takes as long as a stack: so all
are there from the start, and a file puts its code there by a commit. Nothing in a file may change another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.cluster.access import Access
from tests.cluster.gitservers import anonymous
from tests.cluster.network import HOST
from tests.cluster.packageindex import PASSWORD, USER
from tests.kubernetes import reads
from tests.kubernetes.fromgit import FromGit
from tests.kubernetes.images import MODULE
from tests.kubernetes.lasting import CODE as LASTING
from tests.kubernetes.lasting import with_a_queue
from tests.kubernetes.stacks import ClusterStack, a_cluster_stack
from tests.pipelines import DEFINITIONS, pipeline
from tests.stack.test_gates import text
from tests.stacks import free_port

Object = dict[str, Any]
GATES = {"attribute": "defs", "smoke_job": "smoke", "smoke_check": "total:is_positive"}
FROM_GIT: dict[str, dict[str, Any]] = {
    "a": {},
    "gated": GATES,
    "long": {},
    "packaged": {"startup_timeout_seconds": 90, "prepare": ["sh -c 'date +%s%N > made.txt'"]},
    "reads": {"pod": reads.POD},
    "short": {"longest_run_seconds": 5, "reads": ["long"], "room": "64Mi"},
}
"""A location's section by name, without its repository. Automation is off: no test needs frequent runs."""
FIRST = {
    "gated": text("total"),
    "long": with_a_queue(version=1),
    "reads": reads.CODE,
    "short": LASTING.format(version=1),
}
"""The first commit's definitions for locations that need certain ones."""
OWN: dict[str, dict[str, Any]] = {"b": {"smoke_job": "refresh"}}
"""Locations that serve the bootstrap package."""
ON_ITS_OWN = "reads"
"""A location whose git server can be ended without the others'."""
ARTIFACTS = "1Gi"
"""Room for the environments of locations with packages of their own."""
INDEX: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "index"},
    "stringData": {"username": USER, "password": PASSWORD},
}


class Pool(FromGit):
    def __init__(self, access: Access, folder: Path, image: str | None) -> None:
        """Prepare the pool; `image` has the code of location `reports`. None: there is no such location."""
        super().__init__(access, folder)
        self._of_images = [{"name": "reports", "image": image, "module": MODULE}] if image else []
        self._git_of_its_own, self._port = ExitStack(), 0
        self.index_port = free_port()
        """The port of the package index while a test serves one."""

    @contextmanager
    def git_away(self) -> Iterator[None]:
        """Stop the git server of ON_ITS_OWN within the block."""
        self._git_of_its_own.close()
        yield
        self._serve_on_its_own()

    def _serve_on_its_own(self) -> str:
        url = self._git_of_its_own.enter_context(anonymous(self.repositories, self._port))
        self._port = int(url.rpartition(":")[2])
        return url

    def take(self, name: str, first: str = "") -> ClusterStack:
        """Return the stack, with location `name` at the code `first` if that is given and differs."""
        stack, code = self.bare(), self.code(name)
        if first and (code.folder / "pipeline.py").read_text() != first:
            code.commit_text(first, "First of a file")
            stack.ok("redeploy", name)
        return stack

    def plain(self) -> ClusterStack:
        """Return the stack as it is configured, with only the locations and settings that it had at first."""
        with self.having() as stack:
            stack.ok("deploy")  # the contract's rollouts have a configuration of their own
            return stack

    @contextmanager
    def to_be_deployed(self, folder: Path) -> Iterator[ClusterStack]:
        with ExitStack() as kept:
            url = kept.enter_context(anonymous(self.repositories))
            kept.push(self._git_of_its_own)
            other = self._serve_on_its_own()
            always = [
                self._location(name, other if name == ON_ITS_OWN else url, settings)
                for name, settings in FROM_GIT.items()
            ]
            always += [*self._of_images, *({"name": name, **settings} for name, settings in OWN.items())]
            packages = {"index_url": f"http://{HOST}:{self.index_port}/simple", "secret": "index"}
            cluster = {"artifacts": ARTIFACTS, "packages": packages}
            made = kept.enter_context(
                a_cluster_stack(self.access, folder, cluster=cluster, always=tuple(always))
            )
            self.access.apply(reads.SECRET, reads.settings("red"), INDEX, namespace=made.namespace)
            yield made

    def _location(self, name: str, url: str, settings: dict[str, Any]) -> dict[str, Any]:
        code = pipeline(self.code(name).folder)
        code.commit_text(FIRST.get(name, DEFINITIONS.format(asset="first")), "First")
        repo = {"url": f"{url}/{name}", "ref": "main"}
        own = {"name": name, "repo": repo, "module": "pipeline", "automation": "off"}
        return {**own, "shared_assets": "warn", **settings}  # the code of several defines the same asset
