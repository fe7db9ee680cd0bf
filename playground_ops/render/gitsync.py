"""Fetches a commit into a pod by git-sync (v4 flags), with the location's own credentials.

A cache inside the cluster keeps what was fetched, so that what serves comes back without its git server.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from playground_ops.config import Configuration
from playground_ops.core.model import Release
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.render.names import (
    APP_FOLDER,
    ARTIFACTS,
    ARTIFACTS_FOLDER,
    GIT_SECRET_FOLDER,
    REPOSITORY_FOLDER,
    Object,
)
from playground_ops.render.pod import (
    Container,
    InitContainer,
    Mounted,
    claim,
    container,
    secret,
    secret_variable,
    variable,
    writable,
)

CACHE_FOLDER = f"{ARTIFACTS_FOLDER}/.code"
CACHE, CACHE_LIVE = "PLAYGROUND_LOCATION", "PLAYGROUND_LIVE"
CACHE_COMMAND = "/git-sync"
NOT_CACHED = "This commit is not kept in the cluster"
CACHE_SCRIPT = f"""\
remote=$1 commit=${{2#--ref=}} store={CACHE_FOLDER}/${CACHE}.git
shift
if git -C "$store" rev-parse -q --verify "refs/kept/$commit" > /dev/null 2>&1; then
  {CACHE_COMMAND} "--repo=file://$store" "$@" && exit
  echo "What is kept in the cluster of $commit can't be used: asking the repository" >&2
fi
{CACHE_COMMAND} "$remote" "$@" || exit
umask 077
git init -q --bare --template= "$store" \\
  && git -C "$store" config receive.shallowUpdate true \\
  && git --git-dir={REPOSITORY_FOLDER}/.git push -q "file://$store" "$commit:refs/kept/$commit" \\
  || {{ echo "{NOT_CACHED}: without its git server its pod will not come back" >&2; exit 0; }}
[ -n "${CACHE_LIVE}" ] || exit 0
for ref in $(git -C "$store" for-each-ref --format='%(refname)' refs/kept); do
  case " ${CACHE_LIVE} $commit " in
    *" ${{ref#refs/kept/}} "*) ;;
    *) git -C "$store" update-ref -d "$ref" ;;
  esac
done
git -C "$store" gc -q --prune=now || echo "What is no longer needed of $store stays there" >&2
"""
"""`$1` is the flag with the repository, `$2` the one with the commit."""


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
    made = [variable(CACHE, name)]
    commits = [one.revision.commit for one in in_use.releases if one.location.name == name]
    live = " ".join(dict.fromkeys([*commits, *in_use.commits]))
    return [*made, variable(CACHE_LIVE, live)] if commits else made


GIT_USER = 65533
"""The image's user: ssh needs a user that has a name."""
RESOURCES = Resources(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "512Mi"})
NAME = "git-sync"
USER_VARIABLE = "GITSYNC_USERNAME"
LINK = "current"
ALWAYS = (
    "--depth=1",
    "--one-time",
    f"--root={REPOSITORY_FOLDER}",
    f"--link={LINK}",
    "--max-failures=2",
    "--submodules=recursive",
)
BY_KEY = (
    f"--ssh-key-file={GIT_SECRET_FOLDER}/ssh",
    f"--ssh-known-hosts-file={GIT_SECRET_FOLDER}/known_hosts",
)
BY_PASSWORD = (f"--password-file={GIT_SECRET_FOLDER}/password",)
FLAGS = ("--ref=", *ALWAYS, *BY_KEY, *BY_PASSWORD)
"""Prefixes of all arguments but the repository's, which an admission policy allows."""


def worktree(commit: str) -> str:
    """Return the real path of a commit's files: not the link, through which a later commit might load."""
    return f"{REPOSITORY_FOLDER}/.worktrees/{commit}"


def fetching(release: Release, configuration: Configuration, in_use: InUse) -> InitContainer:
    """Return an init container that fetches the release's commit once; the cluster's cache keeps it."""
    repository, secret = release.location.repository or "", release.location.git_secret
    credentials: tuple[str, ...] = ()
    if secret is not None:
        credentials = BY_KEY if is_ssh(repository) else BY_PASSWORD
    volumes = (
        writable("app", APP_FOLDER),
        writable("tmp", "/tmp"),
        claim(ARTIFACTS, ARTIFACTS_FOLDER, "artifacts"),
        *secret_volume(secret),
    )
    found = Container(
        name=NAME,
        image=configuration.images.git_sync,
        resources=RESOURCES,
        command=["sh", "-c", CACHE_SCRIPT, NAME],
        arguments=[f"--repo={repository}", f"--ref={release.revision.commit}", *ALWAYS, *credentials],
        variables=[variable("HOME", "/tmp"), *cache_variables(release, in_use), *_user(repository, secret)],
        volumes=volumes,
    )
    made = container(found, PodSettings())
    made["securityContext"] = {**made["securityContext"], "runAsUser": GIT_USER}
    return InitContainer(made, volumes)


def is_ssh(repository: str) -> bool:
    """Return True for `ssh://...`, its older spellings, and git's short form `user@host:path`."""
    short = "://" not in repository and "@" in repository.partition(":")[0]
    return short or repository.startswith(("ssh://", "git+ssh://", "ssh+git://"))


def _user(repository: str, secret: str | None) -> list[Object]:
    if secret is None or is_ssh(repository):
        return []
    return [secret_variable(USER_VARIABLE, secret, "username")]


def secret_volume(name: str | None) -> list[Mounted]:
    return [secret(name, GIT_SECRET_FOLDER, "git-secret")] if name else []
