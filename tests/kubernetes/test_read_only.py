"""The second webserver, for many eyes: all is seen in it, and nothing can be launched; it comes and goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.asking import Asking, eventually
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import POD, ClusterStack

NAME = "dagster-webserver-read-only"
LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename } }
"""
RELOAD = "mutation { reloadWorkspace { __typename } }"
SELECTOR = {
    "selector": {
        "repositoryLocationName": "ops",
        "repositoryName": "__repository__",
        "jobName": "health_check",
    },
    "runConfigData": {},
}


@dataclass(frozen=True)
class Eyes(Asking):
    """Whoever has only the address of the second webserver."""

    stack: ClusterStack

    @property
    def ui(self) -> str:
        service = self.stack.get("service", NAME)
        return f"http://{service['spec']['clusterIP']}:3000"


def outcome(asked: Asking, query: str, **variables: Any) -> str:
    (answer,) = asked.graphql(query, **variables).values()
    return str(answer["__typename"])


def test_all_is_seen_in_it_and_nothing_can_be_launched(shared_stack: Pool) -> None:
    with shared_stack.having(webserver={"pod": POD, "read_only": True}) as stack:
        eyes = Eyes(stack)
        components = {one["name"]: one["ready"] for one in stack.status()["components"]}
        assert components["webserver-read-only"] is True

        eventually("the assets of a to be seen", lambda: eyes.assets("a"), 60)
        assert outcome(eyes, LAUNCH, params=SELECTOR) == "UnauthorizedError"
        assert outcome(eyes, RELOAD) == "UnauthorizedError"
        run = stack.launch("ops", "health_check")
        stack.wait_for_success(run)
        assert eyes.run_status(run) == "SUCCESS"

        stack.configure(code_locations=[])
        gone = {f"deployment/{NAME}", f"service/{NAME}"}
        assert {name for name in stack.plan() if name.endswith(NAME)} == gone
        stack.ok("deploy")
        assert NAME not in [one["metadata"]["name"] for one in stack.get("deployments")["items"]]
        assert stack.plan() == {}
