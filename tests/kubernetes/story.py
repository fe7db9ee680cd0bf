"""The stack of test_story: from private repositories, bootstrapped by two at once, changed and upgraded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.asking import Asking
from tests.cluster import gitservers
from tests.cluster.access import Access
from tests.cluster.images import dagster
from tests.kubernetes.stacks import POD, ClusterStack, a_cluster_stack
from tests.pipelines import Pipeline

PAGES = "{ runsOrError { ... on Runs { results { runId status } } } }"
READ_ONLY = "dagster-webserver-read-only"
LAUNCH = "mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename } }"
RELOAD = "mutation { reloadWorkspace { __typename } }"
PLAN = {
    "selector": {
        "repositoryLocationName": "ops",
        "repositoryName": "__repository__",
        "jobName": "plan",
    },
    "runConfigData": {},
}
OLD = dagster.name()
NEW = f"{OLD.partition(':')[0]}:as-if-newer"
APART = {"automation": "off", "isolation": True, "shared_assets": "warn"}
"""Settings of `c`, which defines the same asset as `a`."""


@contextmanager
def of_private_repositories(
    access: Access, code: Pipeline, folder: Path, keys: Path
) -> Iterator[ClusterStack]:
    """Yield a stack with `a`, `b`, an isolated `c`, and two with missing refs or code; nothing is deployed
    yet.

    Its Secrets are made first, where there is no namespace yet. Both repositories are private: one is fetched
    over HTTPS by a password, from a server of a private authority, one over SSH by a key.
    """
    root = code.folder.parent
    with (
        a_cluster_stack(access, folder) as made,
        gitservers.by_password_over_tls(root) as (https, authority),
        gitservers.by_ssh(root, keys) as ssh,
    ):
        a = from_git("a", f"{https}/{code.folder.name}", "main", "git-a")
        c = from_git("c", f"{ssh.url}/{code.folder.name}", "good", "git-c")
        broken = [
            from_git("no-ref", f"{https}/{code.folder.name}", "man", "git-a"),
            a | {"name": "no-module", "module": "pipelin"},
        ]
        made.configure(
            code_locations=[a, {"name": "b"}, c | APART, *broken],
            webserver={"pod": POD, "read_only": True},
        )
        access.delete_namespace(made.namespace, wait=True)
        for name, flags in secrets_of(folder, ssh, authority).items():
            assert f"Read by: {name}" in made.ok("secret", "git", f"git-{name}", *flags)
        yield made


def from_git(name: str, url: str, ref: str, secret: str) -> dict[str, Any]:
    return {"name": name, "repo": {"url": url, "ref": ref, "secret": secret}, "module": "pipeline"}


def secrets_of(folder: Path, ssh: gitservers.SshAccess, authority: str) -> dict[str, list[str]]:
    """Return the arguments of `secret git` for each location."""
    files = {"key": ssh.key, "hosts": ssh.known_hosts, "token": gitservers.PASSWORD, "ca": authority}
    for name, content in files.items():
        (folder / name).write_text(content)
    token, ca = str(folder / "token"), str(folder / "ca")
    return {
        "a": ["--username", gitservers.USER, "--token-file", token, "--ca-file", ca],
        "c": ["--ssh-key", str(folder / "key"), "--known-hosts", str(folder / "hosts")],
    }


def document(stack: ClusterStack) -> dict[str, Any]:
    """Return the configuration, to be changed and written."""
    found: dict[str, Any] = json.loads(stack.config.read_text())
    return found


def write(stack: ClusterStack, changed: dict[str, Any]) -> None:
    stack.config.write_text(json.dumps(changed))


def errands(stack: ClusterStack) -> list[str]:
    """Return the pods of remote jobs, in which rollouts run."""
    found = [pod for pod in stack.pods("errand") if pod["status"]["phase"] == "Running"]
    return [str(pod["metadata"]["name"]) for pod in found]


class Eyes(Asking):
    """A user who has only the address of the second webserver."""

    def __init__(self, stack: ClusterStack) -> None:
        self._address = stack.get("service", READ_ONLY)["spec"]["clusterIP"]

    @property
    def ui(self) -> str:
        return f"http://{self._address}:3000"


def outcome(asked: Asking, query: str, **variables: Any) -> str:
    (answer,) = asked.graphql(query, **variables).values()
    return str(answer["__typename"])


def image_of(stack: ClusterStack, component: str) -> str:
    (pod,) = stack.pods(component)
    return str(pod["spec"]["containers"][0]["image"])


def upgraded(stack: ClusterStack, webserver: str = NEW) -> None:
    changed = document(stack)
    changed["webserver"]["pod"]["image"], changed["daemon"]["pod"]["image"] = webserver, NEW
    write(stack, changed)
