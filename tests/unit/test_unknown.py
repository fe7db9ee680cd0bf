"""Failures without an entry: their own words are shown, and no guess.

Also some for which a guess was near at hand and would have been wrong.
"""

from __future__ import annotations

from typing import Any

import pytest

from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.pod import Pod
from playground_ops.diagnose.database import explain_database
from playground_ops.diagnose.git_errors import explain, explain_in_pod
from playground_ops.diagnose.pods import Collected, assess
from playground_ops.diagnose.server_log import explain_end

NOT_KNOWN = "This reason is not a known one."


def waiting(reason: str, message: str) -> Finding:
    """Return the finding for a container that waits."""
    state: dict[str, Any] = {"waiting": {"reason": reason, "message": message}}
    pod = {
        "metadata": {"name": "p"},
        "status": {"containerStatuses": [{"name": "dagster-grpc", "state": state}]},
    }
    found = assess(Collected(Pod.read(pod))).finding
    assert found is not None
    return found


UNKNOWN = [
    ("PodSandboxError", "rpc error: code = Unknown desc = cni plugin not initialized"),
    ("RegistryUnavailable", "the mirror answered 599"),
    ("ImageInspectError", 'failed to inspect image "x:1": layer sha256:1 is corrupt'),
    ("ErrImageNeverPull", 'Container image "x:1" is not present with pull policy of Never'),
    ("SignatureValidationFailed", "no signature of the image is of a key that is known"),
    ("PreCreateHookError", "hook refused"),
    ("PostStartHookError", "Exec lifecycle hook ([/x]) for Container failed"),
    ("SeccompProfileMissing", "profile runtime/9 is not on the node"),
    ("GPUNotReady", "device plugin has no healthy device"),
    ("VirtualMachineFailed", "kata: hypervisor is gone"),
    ("NodeClockSkew", "time of the node differs by 1h0m3s"),
]


@pytest.mark.parametrize(("reason", "message"), UNKNOWN)
def test_a_reason_that_nobody_has_met_is_shown_as_it_is(reason: str, message: str) -> None:
    found = waiting(reason, message)
    assert found.observed == f"{reason}: {message}."
    assert found.cause == NOT_KNOWN
    assert found.kind is FindingKind.TRANSIENT, "what is not known may pass, and rejects no commit"
    assert "kubectl describe pod/p" in found.fix


WORDS = [
    "fatal: the moon is in the wrong place",
    "error: 9 objects are of a kind that this git does not know",
    "fatal: unable to access 'https://git.test/a.git/': HTTP/2 stream 1 was not closed cleanly",
]


@pytest.mark.parametrize("words", WORDS)
def test_what_git_says_and_nobody_has_met_is_shown_as_it_is(words: str) -> None:
    for found in (explain("repository/x", words), explain_in_pod("pod/p/git-sync", words)):
        assert (found.kind, found.observed, found.cause) == (
            FindingKind.TRANSIENT,
            "git failed.",
            f"It said: {words}",
        )


def test_what_a_process_says_is_its_own_words_and_no_more() -> None:
    found = explain_end(
        "pod/p/daemon", "exit code 255", "exec /usr/local/bin/dagster-daemon: exec format error"
    )
    assert "saying: exec /usr/local/bin/dagster-daemon: exec format error" in found.observed
    assert found.cause == "It is started again, ever more rarely."
    assert explain_database("a token ring is open").cause == NOT_KNOWN


def test_the_log_of_an_init_container_is_asked_for_by_component_and_container() -> None:
    found = explain_end("pod/dagster-daemon-7c9d-x/wait-for-database", "exit code 1", "")
    assert "`logs daemon -c wait-for-database --previous`" in found.fix
    assert "`logs daemon --previous`" in explain_end("pod/dagster-daemon-7c9d-x/daemon", "exit 1", "").fix


NEAR = [
    (
        "ErrImagePull",
        "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit",
        "lets this cluster pull no more images",
    ),
    (
        "ErrImagePull",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "does not trust the registry's certificate",
    ),
    ("ErrImagePull", 'Get "https://r.test/v2/": Proxy Authentication Required', "wants credentials"),
    (
        "ErrImagePull",
        "failed to extract layer: write /a: no space left on device",
        "has no room, or no inodes",
    ),
    (
        "RunContainerError",
        "runc create failed: unable to start container process: exec /bin/x: exec format error",
        "another kind of processor",
    ),
    ("CreateContainerError", "context deadline exceeded", "does not keep up"),
    (
        "CreateContainerError",
        'failed to reserve container name "x_1": name is reserved for "y"',
        "does not keep up",
    ),
    ("RunContainerError", "mkdir /run/x: no space left on device", "has no room, or no inodes"),
]


@pytest.mark.parametrize(("reason", "message", "cause"), NEAR)
def test_the_nearer_entry_is_taken(reason: str, message: str, cause: str) -> None:
    assert cause in waiting(reason, message).cause


def test_an_evicted_pod_says_what_its_node_ran_out_of() -> None:
    message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi."
    pod = {
        "metadata": {"name": "p"},
        "status": {"phase": "Failed", "reason": "Evicted", "message": message},
    }
    found = assess(Collected(Pod.read(pod))).finding
    assert found is not None
    assert found.observed == f"Evicted: {message}"
    assert "ran out of memory, disk or process ids" in found.cause


@pytest.mark.parametrize(
    ("words", "observed"),
    [
        (
            "fatal: unable to access 'https://git.test/a/': Received HTTP code 407 from proxy after CONNECT",
            "A proxy on the way wants credentials.",
        ),
        (
            "fatal: unable to access 'https://git.test/a/': SSL certificate problem: "
            "certificate is not yet valid",
            "The server's certificate is not valid yet, by this machine's clock.",
        ),
    ],
)
def test_git_behind_a_proxy_or_a_wrong_clock(words: str, observed: str) -> None:
    assert explain("repository/x", words).observed == observed
