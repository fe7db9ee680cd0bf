"""Explains git's errors: a table from git's messages to findings."""

import json
import re
from dataclasses import dataclass
from typing import Literal

from playground_ops.core.errors import Finding, FindingKind, certain, transient
from playground_ops.core.redact import redact

EVIDENCE_LINES = 12
LACKING = " is not in the repository."


@dataclass(frozen=True)
class Failure:
    words: str
    """A pattern, matched without regard to case."""
    kind: FindingKind
    observed: str
    cause: str
    fix: str
    in_pod: str = ""
    """The fix where git runs in a pod, with the Secret that the location names; empty: it is the same."""
    whose: Literal["code", "surroundings"] = "code"
    """What a certain fault is held against."""


_AGAIN = "Check the network and the URL; it is tried again until the deadline."

# In order: git's final words ("the remote end hung up") come with most of the errors.
_FAILURES = (
    Failure(
        r"No space left on device|Disk quota exceeded",
        FindingKind.CAPACITY,
        "The disk is full.",
        "git found no room to write, or no inode: `df -h` and `df -i` tell which.",
        "Free some space on the disk that holds the state folder, then try again.",
    ),
    Failure(
        r"out of memory|Cannot allocate memory",
        FindingKind.CAPACITY,
        "git ran out of memory.",
        "The machine has too little free memory for this repository.",
        "Free some memory, then try again.",
    ),
    Failure(
        r"HTTP code 407|returned error: 407|Proxy Authentication Required",
        FindingKind.CERTAIN,
        "A proxy on the way wants credentials.",
        "`https_proxy` or git's `http.proxy` names a proxy that does not know who asks.",
        "Give it a user and a password, or exempt the git server by `no_proxy`.",
    ),
    Failure(
        r"not yet valid",
        FindingKind.CERTAIN,
        "The server's certificate is not valid yet, by this machine's clock.",
        "The clock is behind, or the certificate was made for a later time.",
        "Set the clock (`timedatectl`), or mend the certificate.",
    ),
    Failure(
        r"Could not resolve (?:host|proxy)|Name or service not known|name resolution|nodename nor servname",
        FindingKind.TRANSIENT,
        "The host can't be found.",
        "Its name does not resolve: the network is away, or the URL has a slip of the pen.",
        _AGAIN,
    ),
    Failure(
        r"Connection refused",
        FindingKind.TRANSIENT,
        "The connection was refused.",
        "Nothing listens there: the git server is down, or the port is wrong.",
        _AGAIN,
    ),
    Failure(
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        FindingKind.CERTAIN,
        "The server's host key is not the one that this machine knows.",
        "The host is not in `known_hosts`, or its key has changed.",
        "Connect once by hand (`ssh -T git@HOST`), check the fingerprint and accept it, then try again.",
        "Compare `ssh-keyscan HOST` with what its owner says, and give it to "
        "`secret git NAME --ssh-key KEY --known-hosts FILE`.",
    ),
    Failure(
        r"Permission denied \(|Too many authentication failures|no mutual signature",
        FindingKind.CERTAIN,
        "The server did not accept this machine's ssh key.",
        "No key that is offered without a passphrase prompt has the right to read it.",
        "Give the key read access, or add it to the ssh agent (`ssh-add`); "
        "`git ls-remote URL` must work in a shell.",
        "Give the key of `repo: secret:` read access, or make the Secret anew by "
        "`secret git NAME --ssh-key KEY --known-hosts FILE`.",
    ),
    Failure(
        r"git-lfs[^\n]*(?:not found|No such file)|cannot (?:run|exec|fork to run)[^\n]*git-lfs",
        FindingKind.CERTAIN,
        "git-lfs is missing, which git's configuration calls for large files.",
        "`git lfs install` was run for this user, and `git-lfs` is not on the PATH of what runs the rollout.",
        "Install git-lfs, or put it on that PATH, and redeploy.",
        whose="surroundings",
    ),
    Failure(
        r"remote missing object|Object does not exist on the server",
        FindingKind.CERTAIN,
        "The server lacks the content of a large file (git-lfs).",
        "The commit was pushed, and what its pointers stand for was not, or was removed.",
        "Push it, from a clone that has it: `git lfs push --all origin`.",
    ),
    Failure(
        r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|"
        r"Invalid username or (?:password|token)|returned error: 40[13]|HTTP Basic: Access denied",
        FindingKind.CERTAIN,
        "The server wants credentials that git on this machine does not have.",
        "The repository is private, or it does not exist (servers answer alike), or the token has expired.",
        "Store a credential (`git credential approve`, a credential helper, `.netrc`) or use an ssh URL; "
        "`git ls-remote URL` must work in a shell without asking.",
        "Name a Secret as `repo: secret:`, or make the one that is named anew by "
        "`secret git NAME --username USER --token-file FILE`.",
    ),
    Failure(
        r"dubious ownership",
        FindingKind.CERTAIN,
        "git does not trust a repository that belongs to another user.",
        "The folder is owned by somebody else than the user that runs the stack.",
        "Run `git config --global --add safe.directory FOLDER` as the user that runs the stack.",
    ),
    Failure(
        r"transport '[^']*' not allowed|protocol '[^']*' is not supported|Unable to find remote helper|"
        r"remote-\w+' is not a git command|strange hostname|unknown scheme",
        FindingKind.CERTAIN,
        "git does not take this kind of URL.",
        "Its scheme is unknown here or not allowed.",
        "Use https://, ssh://, git@HOST:PATH, file:// or an absolute path.",
    ),
    Failure(
        r"Repository not found|does not appear to be a git repository|"
        r"repository '[^']*' (?:does not exist|not found)|returned error: 404|"
        r"access denied or repository not exported|project you were looking for could not be found",
        FindingKind.CERTAIN,
        "There is no repository at this URL.",
        "The URL is wrong, the repository was moved, or these credentials may not see it.",
        "Correct the repository in the configuration; `git ls-remote URL` must work in a shell.",
    ),
    Failure(
        r"Problem with the SSL CA cert|error (?:setting certificate|adding trust anchors)",
        FindingKind.CERTAIN,
        "The file with the authorities that git is to trust can't be used.",
        "It is not there, or holds no certificate: `http.sslCAInfo` or `GIT_SSL_CAINFO` names it.",
        "Correct it: `git config --show-origin --get-all http.sslCAInfo` tells where it is named.",
        "It is `ca.crt` of the Secret of `repo: secret:`: make that anew by "
        "`secret git NAME --ca-file FILE`, with the credentials if it has any.",
    ),
    Failure(
        r"certificate subject name|does not match target host|IP address mismatch",
        FindingKind.CERTAIN,
        "The server's certificate is for another name.",
        "The repository's URL names the server otherwise than its certificate does, or leads elsewhere.",
        "Use the name in the URL that the certificate has, or mend the certificate.",
    ),
    Failure(
        r"certificate has expired",
        FindingKind.CERTAIN,
        "The server's certificate has expired.",
        "It was not renewed, or this machine's clock is ahead.",
        "Have it renewed.",
    ),
    Failure(
        r"certificate|SSL_|server verification failed",
        FindingKind.CERTAIN,
        "The server's certificate is not trusted.",
        "It is self-signed, expired, or signed by an authority that git does not know there.",
        "Add the authority (`git config --global http.sslCAInfo FILE`), or mend the certificate.",
        "Give the authority's certificate by `secret git NAME --ca-file FILE`, for `repo: secret:`; or mend "
        "the server's certificate.",
    ),
    Failure(
        r"mismatched algorithms|unknown repository extension|unsupported hash",
        FindingKind.CERTAIN,
        "The repository has SHA-256 commits.",
        "Only repositories with 40-digit commits are supported.",
        "Use a repository with the usual SHA-1 format.",
    ),
    Failure(
        r"not our ref|couldn't find remote ref|bad object|unadvertised object|no such remote ref",
        FindingKind.CERTAIN,
        f"The commit{LACKING}",
        "It was never pushed, or a force-push removed it.",
        "Push it, or give a branch, a tag or a commit that is there.",
        whose="surroundings",
    ),
    Failure(
        r"timed? ?out|Connection reset|early EOF|RPC failed|hung up|returned error: (?:5\d\d|429)|"
        r"Failed to connect|Couldn't connect|unreachable|transfer closed|Operation too slow|Empty reply",
        FindingKind.TRANSIENT,
        "The connection to the git server failed.",
        "The network or the server had a hiccup.",
        _AGAIN,
    ),
)


def explain(thing: str, words: str) -> Finding:
    """Explain git's standard error; an unknown error may pass: it is transient, and in git's own words."""
    evidence, failure = tail(words), _known(words)
    if failure is not None:
        return Finding(
            kind=failure.kind,
            object=thing,
            observed=failure.observed,
            cause=failure.cause,
            fix=failure.fix,
            evidence=evidence,
            whose=failure.whose,
        )
    return transient(
        object=thing,
        observed="git failed.",
        cause=f"It said: {evidence.splitlines()[-1] if evidence else 'nothing'}",
        fix="Run `git ls-remote URL` in a shell to see it whole.",
        evidence=evidence,
    )


def explain_in_pod(thing: str, log: str) -> Finding:
    """Explain git-sync's log. The cluster's repositories and Secrets say nothing about a commit."""
    words = _of_git_sync(log)
    found, known = explain(thing, words), _known(words)
    fix = (known and known.in_pod) or found.fix
    return found.model_copy(update={"whose": "surroundings", "fix": fix})


def _known(words: str) -> Failure | None:
    return next((one for one in _FAILURES if re.search(one.words, words, re.IGNORECASE)), None)


def _of_git_sync(log: str) -> str:
    """Return what git said, from lines that are JSON (git-sync v4) and from those that are not."""
    said = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
            said.append(str(entry.get("error") or "") if isinstance(entry, dict) else line)
        except ValueError:
            said.append(line)
    return "\n".join(line.replace("\\n", "\n") for line in said if line) or log


def lacking(thing: str, commit: str) -> Finding:
    return certain(
        object=thing,
        observed=f"Commit {commit}{LACKING}",
        cause="It was never pushed, or a force-push removed it.",
        fix="Push it, or give a branch, a tag or a commit that is there.",
        whose="surroundings",
    )


def is_lacking(finding: Finding) -> bool:
    """Return whether a repository answered that it has no such commit."""
    return finding.object.startswith("repository/") and finding.observed.endswith(LACKING)


def tail(words: str) -> str:
    """Return the last lines without progress meters, redacted."""
    lines = [line.rpartition("\r")[2].strip() for line in words.replace("\r\n", "\n").split("\n")]
    return redact("\n".join([line for line in lines if line][-EVIDENCE_LINES:]))


def too_slow(thing: str, seconds: float, words: str) -> Finding:
    return transient(
        object=thing,
        observed=f"git had no answer after {seconds:g} s and was ended.",
        cause="The server accepts connections and does not answer, or the repository is very large.",
        fix="Try `git ls-remote URL` in a shell; it is tried again until the deadline.",
        evidence=tail(words),
    )


def missing(thing: str) -> Finding:
    return certain(
        object=thing,
        observed="There is no `git` on this machine.",
        cause="It is not on the PATH of the process that runs the rollout.",
        fix="Install git, or put it on the PATH, and try again.",
    )
