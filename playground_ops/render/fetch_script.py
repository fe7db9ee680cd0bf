"""The script around git-sync (v4): what is kept in the cluster first, then the repository.

git-sync's image has git and a shell, and nothing else to count on. What the script tells of the commit is the
container's termination message: whoever watches the pod has it, without another request.
"""

from playground_ops.core.checkout import NAMED, POINTER
from playground_ops.render import git_protocols
from playground_ops.render.names import GIT_SECRET_FOLDER, KEPT_FOLDER, REPOSITORY_FOLDER

LIVE, SUBDIRECTORY = "PLAYGROUND_LIVE", "PLAYGROUND_SUBDIRECTORY"
"""Variables: the commits in use, and the folder of the project in the repository."""
USER_VARIABLE = "GITSYNC_USERNAME"
"""Not set where the Secret has no user: then the repository wants no password."""
GIT_SYNC = "/git-sync"
NOT_CACHED = "This commit is not kept in the cluster"
TOLD = "/dev/termination-log"
AUTHORITY = f"""\
[ ! -f {GIT_SECRET_FOLDER}/ca.crt ] || export GIT_SSL_CAINFO={GIT_SECRET_FOLDER}/ca.crt
"""
"""The image's libcurl goes on to know the authorities of its own folder."""
NO_CONFIGURATION = f"""\
printf '[safe]\\n\\tdirectory = %s\\n[core]\\n\\thooksPath = /dev/null\\n' "$store" > "$HOME/ours"
export GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_GLOBAL="$HOME/ours" GIT_ATTR_NOSYSTEM=1
export GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null
{git_protocols.exported(first=1)}
"""
"""No file but ours and the repository's own tells git anything, no hook is run, nothing comes by other
protocols. The kubelet made the folder of what is kept: git takes it for somebody else's. A file says so:
what git starts for a repository on the same machine hears no such variables (connect.c, `local_repo_env`)."""
SCRIPT = f"""\
remote=$1 commit=${{2#--ref=}} store={KEPT_FOLDER}
shift
{NO_CONFIGURATION}\
sync() {{
  : > "$HOME/configuration"
  GIT_CONFIG_GLOBAL="$HOME/configuration" {GIT_SYNC} "$@"
}}
[ -z "${USER_VARIABLE}" ] || set -- "$@" --password-file={GIT_SECRET_FOLDER}/password
{AUTHORITY}
tell() {{
  git --git-dir={REPOSITORY_FOLDER}/.git -c log.showSignature=false show -s --encoding=UTF-8 \
    --format='%H%n%<(200,trunc)%s%n%<(100,trunc)%an' "$commit" --
  git -C {REPOSITORY_FOLDER}/.worktrees/"$commit" -c core.quotePath=false grep -l -e '^{POINTER}$' \
    -- ":(literal,attr:filter=lfs)${{{SUBDIRECTORY}:-.}}" | {{
    files=0
    while IFS= read -r file; do
      files=$((files + 1))
      [ $files -gt {NAMED} ] || printf '%.120s\\n' "$file"
    done
    echo $files
  }}
}}
told() {{ tell > {TOLD} 2> /dev/null || :; }}
if git -C "$store" rev-parse -q --verify "refs/kept/$commit" > /dev/null 2>&1; then
  sync "--repo=file://$store" "$@" --max-failures=0 && {{ told; exit; }}
  echo "What is kept in the cluster of $commit can't be used: asking the repository" >&2
fi
sync "$remote" "$@" || exit
told
umask 077
git init -q --bare --template= "$store" \
  && git -C "$store" config receive.shallowUpdate true \
  && git --git-dir={REPOSITORY_FOLDER}/.git push -q "file://$store" "$commit:refs/kept/$commit" \
  || {{ echo "{NOT_CACHED}: without its git server its pod will not come back" >&2; exit 0; }}
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
