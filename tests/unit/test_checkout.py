"""What a release's checkout tells: words of strangers; on Kubernetes a container's last message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from playground_ops.core.checkout import Checkout, pointers, told
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.redact import one_line
from playground_ops.render.release import RECORD
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.releases.deployments import Releases
from playground_ops.targets.kubernetes.releases.observing import Pods

COMMIT = "0123456789" * 4
RELEASE = Release(
    location=Location(name="a", repository="https://git.test/x"),
    number=3,
    revision=Revision(repository="https://git.test/x", commit=COMMIT),
    configuration="c",
    created_at="now",
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Prices", "Prices"),
        ("  Prices \t of\r\n today  ", "Prices of today"),
        ("\x1b[2J\x1b]0;title\x07red\x00", "red"),
        ("a\x1b]8;;http://evil.test\x1b\\b\x1b[31;1mc\x9b2Jd\x1b", "abc 2Jd"),
        ("\u200ba\u200db\u2060c\u3164d\u00ade\ue000f\ud800g", "abcdefg"),
        ("\u202eevil\u2066 \ufeffx\u2028y", "evil x y"),
        ("Ädä 中文 🎉", "Ädä 中文 🎉"),
        ("token=hunter2 in https://u:hunter2@git.test", "token=*** in https://***@git.test"),
        ("x" * 30, "x" * 18 + ".."),
    ],
)
def test_a_line_of_strangers_is_one_line_of_text(text: str, line: str) -> None:
    assert one_line(text, 20 if text.startswith("xxx") else 100) == line


def test_what_was_told_of_another_commit_or_in_another_way_is_nothing() -> None:
    for message in (
        "",
        "\n",
        COMMIT,
        f"{COMMIT}\nsubject",
        f"{'f' * 40}\nsubject\nauthor\n0\n",
        "{}\n[]\n\n",
    ):
        assert told(message, COMMIT, "fix") == Checkout(), message
    assert told(f"{COMMIT}\nsubject  \n  author \n0\n", COMMIT, "x") == Checkout(
        subject="subject", author="author"
    )
    assert told(f"{COMMIT}\n\n\n", COMMIT, "x") == Checkout()


def test_few_pointers_are_named_and_many_counted() -> None:
    assert pointers([], 0, "Mend.") == []
    (few,) = pointers(["a", "b"], 2, "Mend.")
    assert few == (
        "2 file(s) of the project are pointers of git-lfs and not their content: a, b. Code that reads them "
        "gets three lines of text. Mend."
    )
    (many,) = pointers([str(number) for number in range(9)], 9, "Mend.")
    assert "0, 1, 2 and 6 more." in many


class Cluster(Connection):
    """Stands in for an API server with a release's pod and Deployment; it counts requests."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__("none")
        ended = {
            "exitCode": code,
            "message": message,
            "reason": "Completed",
            "finishedAt": "2030-01-01T00:00:00Z",
        }
        self.pod = {
            "metadata": {
                "name": "p",
                "namespace": "n",
                "uid": "u",
                "creationTimestamp": "2030-01-01T00:00:00Z",
            },
            "spec": {"initContainers": [{"name": "git-sync"}], "containers": [{"name": "dagster-grpc"}]},
            "status": {"initContainerStatuses": [{"name": "git-sync", "state": {"terminated": ended}}]},
        }
        self.patches: list[Mapping[str, Any]] = []
        self.asked = 0

    def selected(self, *_: object) -> dict[str, Any]:
        self.asked += 1
        return {"items": [self.pod], "metadata": {"resourceVersion": "1"}}

    def request(self, method: str, where: str, body: Any = None, *_: object, query: Any = None) -> Any:
        assert method == "PATCH"
        self.patches.append(body)


MESSAGE = f"{COMMIT}\nPrices{' ' * 194}\nEve{' ' * 97}\nteam/a.bin\n1\n"


def test_it_is_read_from_the_pod_that_was_looked_at_anyway() -> None:
    cluster = Cluster(MESSAGE)
    pods = Pods(cluster, "n")
    found = pods.checkout(RELEASE)
    assert pods.checkout(RELEASE) == found
    assert (found.subject, found.author) == ("Prices", "Eve")
    assert ["team/a.bin" in one and "git-sync's image has no git-lfs" in one for one in found.warnings] == [
        True
    ]
    assert Pods(Cluster(MESSAGE, code=1), "n").checkout(RELEASE) == Checkout(), "it may have told half"
    assert Pods(Cluster(""), "n").checkout(RELEASE) == Checkout()
    assert cluster.asked == 1
    cluster.pod["status"] = {}
    assert Pods(cluster, "n").checkout(RELEASE) == Checkout()


def test_what_serves_is_marked_with_it_in_the_same_write() -> None:
    cluster = Cluster("")
    cluster.pod["metadata"]["labels"] = {}
    described = RELEASE.model_copy(
        update={"revision": RELEASE.revision.model_copy(update={"subject": "Prices", "author": "Eve"})}
    )
    assert described == RELEASE, "a release is the same whatever is known of its commit"
    Releases(cluster, "n").mark_served(described, "then")
    Releases(cluster, "n").mark_served(RELEASE, "then")
    with_it, without = (patch["metadata"]["annotations"] for patch in cluster.patches)
    assert Release.model_validate_json(with_it[RECORD]).revision.subject == "Prices"
    assert RECORD not in without
