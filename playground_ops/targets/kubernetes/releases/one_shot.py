"""Short pods for a rollout: they resolve refs, and run a candidate's smoke test."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.core.clock import moment
from playground_ops.core.errors import Finding, PlaygroundError, RolloutFailed, transient
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.pod import Pod
from playground_ops.core.target import Say
from playground_ops.diagnose.git_errors import explain_in_pod, too_slow
from playground_ops.render import one_shot_pods
from playground_ops.render.names import Object
from playground_ops.targets.common import refs, smoke
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of
from playground_ops.targets.kubernetes.pods import one_shot

RESOLVE_SECONDS = 45
"""Deadline of the pod, including its start."""
AHEAD = "PLAYGROUND_AHEAD"
"""The variable with pods that whoever started this command has created for it: `MARK=NAME` each."""
AHEAD_SECONDS = 10.0
_REF = re.compile(r"^[0-9a-f]{40,64}\t", re.MULTILINE)


def resolve(
    connection: Connection, configuration: Configuration, location: Location, ref: str | None
) -> Revision:
    """Pin `ref` (None: the configured one). Raises PlaygroundError. A full commit needs no pod."""
    wanted = location.model_copy(update={"ref": ref or location.ref})
    return refs.the_one(resolve_alike(connection, configuration, [wanted]))


def resolver(
    configuration: Configuration, locations: Sequence[Location], names: Sequence[str]
) -> tuple[Object, str]:
    """Return the pod, not created yet, and a mark that pods with the same answer have in common."""
    first = locations[0].name
    name = f"dagster-resolve-{first}-{uuid4().hex[:8]}"
    pod = one_shot_pods.resolver_pod(locations, names, configuration, name, RESOLVE_SECONDS)
    digest = hashlib.sha256(json.dumps(pod["spec"], sort_keys=True).encode()).hexdigest()[:16]
    return pod, f"{first}-{digest}"


def _started_ahead(connection: Connection, namespace: str, mark: str) -> str | None:
    """Return the name of such a pod that whoever started this command has just created; None without one.

    It is too old where another rollout was waited for meanwhile: the ref may have moved.
    """
    ahead = dict(word.split("=", 1) for word in os.environ.get(AHEAD, "").split() if "=" in word)
    name = ahead.get(mark)
    found = connection.get(path_of("v1", "Pod", name, namespace)) if name else None
    if found is None:
        return None
    age = (connection.now() - moment(Pod.read(found).created)).total_seconds()
    return name if age <= AHEAD_SECONDS else None


def alike(location: Location) -> tuple[object, ...]:
    """Return a key that is equal for locations that one pod can resolve."""
    own = location.name if location.isolation else ""
    return (location.repository, location.git_secret, location.pod.image_pull_secrets, own)


def resolve_alike(
    connection: Connection, configuration: Configuration, locations: Sequence[Location]
) -> list[refs.Answer]:
    """Resolve the refs of locations with the same repository and credentials in one pod."""
    url = locations[0].repository or ""

    def ask(names: Sequence[str]) -> tuple[str, Callable[[], str]]:
        pod, mark = resolver(configuration, locations, names)
        namespace = pod["metadata"]["namespace"]
        if started := _started_ahead(connection, namespace, mark):
            pod["metadata"]["name"] = started
        else:
            one_shot.create(connection, pod)
        no_answer = partial(_not_there, url, namespace)
        ended = one_shot.see_to_its_end(connection, pod, RESOLVE_SECONDS, no_answer)
        exact, _, every = _answer(ended, url).partition(f"{one_shot_pods.ALL_REFS}\n")
        return exact, lambda: every

    return refs.each(url, [one.ref for one in locations], ask)


def _answer(ended: one_shot.Ended, url: str) -> str:
    """Return git's lines. Raises PlaygroundError with what git said."""
    if ended.code == 0:
        kept = [
            line for line in ended.said.splitlines() if _REF.match(line) or line == one_shot_pods.ALL_REFS
        ]
        return "\n".join(kept) + "\n"
    if ended.too_late:
        raise PlaygroundError(too_slow(refs.thing(url), RESOLVE_SECONDS, ended.said))
    raise PlaygroundError(explain_in_pod(refs.thing(url), ended.said))


def _not_there(url: str, namespace: str, what: str) -> Finding:
    return transient(
        object=refs.thing(url),
        observed=f"No answer after {RESOLVE_SECONDS} s: {what}.",
        cause="The cluster has no room, or pulls an image slowly.",
        fix=f"It is tried again; `kubectl -n {namespace} get pods -l app.kubernetes.io/component=resolver` "
        "shows it.",
    )


def run_smoke(
    connection: Connection, release: Release, configuration: Configuration, archive: str, say: Say
) -> None:
    """Run the smoke tests, if any. Raises RolloutFailed, or PlaygroundError when a pod can't be started."""
    for test in smoke.wanted(release):
        say(test.waiting())
        name = f"dagster-smoke-{release.name}-{uuid4().hex[:8]}"
        script = one_shot_pods.Script(smoke.SCRIPT, test.arguments)
        pod = one_shot_pods.smoke_pod(release, configuration, archive, name, script)
        one_shot.create(connection, pod)
        no_answer = partial(_no_answer, name, pod["metadata"]["namespace"])
        ended = one_shot.see_to_its_end(connection, pod, test.seconds, no_answer, say)
        if ended.too_late:
            raise RolloutFailed(test.too_late())
        if ended.code != 0:
            raise RolloutFailed(test.failed(ended.said))


def _no_answer(pod: str, namespace: str, what: str) -> Finding:
    return transient(
        object=f"pod/{pod}",
        observed=f"The smoke run did not end: {what}.",
        cause="The cluster has no room for its pod, or somebody deleted it.",
        fix=f"Redeploy; `kubectl -n {namespace} get pods -l app.kubernetes.io/component=smoke` shows it.",
    )
