"""Fetches a commit into a pod by git-sync (v4 flags), with the location's own credentials.

A cache inside the cluster keeps what was fetched, so that what serves comes back without its git server.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from playground_ops.config import Configuration
from playground_ops.core.model import Release
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.render.fetch_script import LIVE, SCRIPT, SUBDIRECTORY, USER_VARIABLE
from playground_ops.render.names import (
    GIT_SECRET_FOLDER,
    KEPT_FOLDER,
    REPOSITORY_FOLDER,
    Object,
    code_of,
)
from playground_ops.render.pod import (
    Container,
    InitContainer,
    Mounted,
    container,
    kept,
    secret,
    secret_variable,
    variable,
    writable,
)


@dataclass(frozen=True)
class InUse:
    """Code and environments in use, which the cluster keeps; the rest is removed."""

    releases: Sequence[Release] = ()
    """All existing releases. Where there is none, nothing is removed."""
    commits: Sequence[str] = ()
    """Commits of runs that have yet to start."""


EVERYTHING = InUse()


def cache_variables(release: Release, in_use: InUse) -> list[Object]:
    name = release.location.name
    commits = [one.revision.commit for one in in_use.releases if one.location.name == name]
    live = " ".join(dict.fromkeys([*commits, *in_use.commits]))
    return [variable(LIVE, live)] if commits else []


GIT_USER = 65533
"""The image's user: ssh needs a user that has a name."""
RESOURCES = Resources(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"})
NAME = "git-sync"
LINK = "current"
ALWAYS = (
    "--depth=1",
    "--one-time",
    f"--root={REPOSITORY_FOLDER}",
    f"--link={LINK}",
    "--submodules=recursive",
)
"""Its first failure ends it: a server's pod is started again, and a rollout looks at why."""
AGAIN = ("--max-failures=2",)
"""For pods that nobody starts again: a second try, ten seconds later."""
BY_KEY = (
    f"--ssh-key-file={GIT_SECRET_FOLDER}/ssh",
    f"--ssh-known-hosts-file={GIT_SECRET_FOLDER}/known_hosts",
)


def worktree(commit: str) -> str:
    """Return the real path of a commit's files: not the link, through which a later commit might load."""
    return f"{REPOSITORY_FOLDER}/.worktrees/{commit}"


def fetching(
    release: Release, configuration: Configuration, in_use: InUse, flags: Sequence[str] = AGAIN
) -> InitContainer:
    """Return an init container that fetches the release's commit once; the cluster's cache keeps it."""
    location = release.location
    repository, secret = location.repository or "", location.git_secret
    credentials = BY_KEY if secret is not None and is_ssh(repository) else ()
    # Nothing of them can be written by another container of the pod.
    volumes = (
        writable("fetched-code", REPOSITORY_FOLDER),
        writable("fetch-tmp", "/tmp"),
        kept(code_of(location.name), KEPT_FOLDER),
        *secret_volume(secret),
    )
    found = Container(
        name=NAME,
        image=configuration.images.git_sync,
        resources=RESOURCES,
        command=["sh", "-c", SCRIPT, NAME],
        arguments=[
            *(f"--repo={repository}", f"--ref={release.revision.commit}"),
            *(*ALWAYS, *flags, *credentials),
        ],
        variables=[
            variable("HOME", "/tmp"),
            *cache_variables(release, in_use),
            variable(SUBDIRECTORY, location.subdirectory),
            *user_variables(USER_VARIABLE, repository, secret),
        ],
        volumes=volumes,
    )
    made = container(found, PodSettings())
    made["securityContext"] = {**made["securityContext"], "runAsUser": GIT_USER}
    return InitContainer(made, volumes)


def fetched() -> Mounted:
    """Return the mount of what was fetched, in the containers that come after it."""
    return replace(writable("fetched-code", REPOSITORY_FOLDER), read_only=True)


def is_ssh(repository: str) -> bool:
    """Return True for `ssh://...`, its older spellings, and git's short form `user@host:path`."""
    short = "://" not in repository and "@" in repository.partition(":")[0]
    return short or repository.startswith(("ssh://", "git+ssh://", "ssh+git://"))


def user_variables(name: str, repository: str, secret: str | None) -> list[Object]:
    """Return the variable with the user for git. A Secret without one has an authority alone."""
    if secret is None or is_ssh(repository):
        return []
    return [secret_variable(name, secret, "username", optional=True)]


def secret_volume(name: str | None) -> list[Mounted]:
    return [secret(name, GIT_SECRET_FOLDER, "git-secret")] if name else []
