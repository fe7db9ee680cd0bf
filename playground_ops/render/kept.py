"""Code that is kept inside the cluster: what serves comes back without its git server.

Each location has a bare repository on the claim that outlives pods, which its git-sync containers alone
write to and read from. It is asked first; git checks what it has by its hash, so that nobody can slip in
anything else there, and what can't be used is fetched from the repository as ever. The image of git-sync
has git and bash and nothing else to count on.
"""

from __future__ import annotations

from collections.abc import Sequence

from playground_ops.model import Release
from playground_ops.render.names import ARTIFACTS, ARTIFACTS_FOLDER, REPOSITORY_FOLDER, Object
from playground_ops.render.pod import Mounted, claim, variable

FOLDER = f"{ARTIFACTS_FOLDER}/.code"
NAME, LIVE = "PLAYGROUND_LOCATION", "PLAYGROUND_LIVE"
COMMAND = "/git-sync"
NOT_KEPT = "This commit is not kept in the cluster"
SCRIPT = f"""\
remote=$1 commit=${{2#--ref=}} store={FOLDER}/${NAME}.git
shift
if git -C "$store" rev-parse -q --verify "refs/kept/$commit" > /dev/null 2>&1; then
  {COMMAND} "--repo=file://$store" "$@" && exit
  echo "What is kept in the cluster of $commit can't be used: asking the repository" >&2
fi
{COMMAND} "$remote" "$@" || exit
umask 077
git init -q --bare --template= "$store" \\
  && git -C "$store" config receive.shallowUpdate true \\
  && git --git-dir={REPOSITORY_FOLDER}/.git push -q "file://$store" "$commit:refs/kept/$commit" \\
  || {{ echo "{NOT_KEPT}: without its git server its pod will not come back" >&2; exit 0; }}
[ -n "${LIVE}" ] || exit 0
for ref in $(git -C "$store" for-each-ref --format='%(refname)' refs/kept); do
  case " ${LIVE} $commit " in
    *" ${{ref#refs/kept/}} "*) ;;
    *) git -C "$store" update-ref -d "$ref" ;;
  esac
done
git -C "$store" gc -q --prune=now || echo "What is no longer needed of $store stays there" >&2
"""
"""`$1` is the flag with the repository, `$2` the one with the commit."""


def variables(release: Release, live: Sequence[Release], waiting: Sequence[str]) -> list[Object]:
    """`live`: the releases there are, `waiting`: commits of runs that have to start; others are dropped.

    No release: nothing is dropped.
    """
    name = release.location.name
    made, commits = [variable(NAME, name)], [one.revision.commit for one in live if one.location.name == name]
    return [*made, variable(LIVE, " ".join(dict.fromkeys([*commits, *waiting])))] if commits else made


def volume() -> Mounted:
    return claim(ARTIFACTS, ARTIFACTS_FOLDER, "artifacts")
