"""Runs in pods of their own, as rendered, and as dagster-k8s makes Jobs of them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._config import process_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.config import dagster_instance_config
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.run_coordinator import QueuedRunCoordinator

from playground_ops.config import Configuration, read
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.config.unsupported import must_fit
from playground_ops.core.errors import BadInput
from playground_ops.render import gitsync, instance, release, run_limits, runs
from playground_ops.render.names import LOCATION, RELEASE, RUN_OF
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.stack import render
from playground_ops.targets.common.instance import waiting_commits
from playground_ops.targets.local.stack import instance_settings as local_instance
from tests.rendered import ARCHIVE, COMMIT, WHOLE, released
from tests.runpods import job_of

IN_PODS = "run_launcher: kubernetes"
HERE = Path("configvalues.yaml")


def configuration(text: str = IN_PODS) -> Configuration:
    return read(text, HERE)


def the(found: Configuration, kind: str, name: str) -> dict[str, Any] | None:
    every = [one for component in render(found).values() for one in component]
    return next((one for one in every if (one["kind"], one["metadata"]["name"]) == (kind, name)), None)


def dagster_yaml(found: Configuration) -> dict[str, Any]:
    there = the(found, "ConfigMap", "dagster-instance")
    assert there is not None
    told: dict[str, Any] = yaml.safe_load(there["data"]["dagster.yaml"])
    return told


def variables(pod: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in pod["containers"][0]["env"]}


WHOLE_ONE = configuration(WHOLE)


@pytest.mark.parametrize("location", WHOLE_ONE.all_locations, ids=lambda found: found.name)
def test_a_run_s_pod_is_its_release_s(location: Any) -> None:
    """All is equal except what makes it a server, the labels that give it an address, and a second try."""
    made = released(location, WHOLE_ONE)
    server = release.render(made, WHOLE_ONE, ARCHIVE)[0]["spec"]["template"]
    run = job_of(made, WHOLE_ONE, ARCHIVE)["spec"]["template"]
    inits, its_inits = (one["spec"].get("initContainers", []) for one in (run, server))
    if inits:
        fetch = inits[0]
        again = [word for word in fetch["args"] if word not in gitsync.AGAIN]
        assert len(again) == len(fetch["args"]) - len(gitsync.AGAIN), "nobody starts it again"
        inits = [{**fetch, "args": again}, *inits[1:]]
    assert inits == its_inits
    same = ("volumes", "nodeSelector", "tolerations", "affinity", "priorityClassName", "securityContext")
    for key in (*same, "automountServiceAccountToken", "shareProcessNamespace", "topologySpreadConstraints"):
        assert run["spec"].get(key) == server["spec"].get(key), key
    assert run["spec"]["serviceAccountName"] == server["spec"].get("serviceAccountName", "default")
    own, theirs = run["spec"]["containers"][0], server["spec"]["containers"][0]
    for key in ("image", "resources", "securityContext", "volumeMounts"):
        assert own[key] == theirs[key], key
    assert own.get("envFrom") or (theirs.get("envFrom") or []) == []
    told, known = variables(run["spec"]), variables(server["spec"])
    assert told.keys() - known.keys() == {"DAGSTER_RUN_JOB_NAME"}
    assert known.keys() - told.keys() == {runs.CONTEXT}
    assert {name: told[name] for name in known if name in told} == {
        name: one for name, one in known.items() if name in told
    }
    assert own["command"][:3] == theirs["command"][:3]


def test_nobody_s_address_leads_to_a_run_and_no_release_has_its_pod() -> None:
    found = configuration("run_launcher: kubernetes\ncode_locations: [{name: a}]")
    made = released(found.locations[0], found)
    deployment, service = release.render(made, found, ARCHIVE)
    job = job_of(made, found, ARCHIVE)
    for labels in (job["spec"]["template"]["metadata"]["labels"], job["metadata"]["labels"]):
        assert RELEASE not in labels
        assert labels["app.kubernetes.io/managed-by"] == "playground-ops"
        assert labels["app.kubernetes.io/component"] == "run_worker"
    pod = job["spec"]["template"]["metadata"]["labels"]
    assert (pod[LOCATION], pod[RUN_OF], pod["app"]) == ("a", "9999", "dagster-run-a")
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        assert not selector.items() <= pod.items()
    assert (job["spec"]["backoffLimit"], job["spec"]["ttlSecondsAfterFinished"]) == (0, 3600)


def test_how_runs_are_launched_is_no_matter_of_a_release() -> None:
    """The launcher can therefore be changed under existing releases, and back."""
    queue = "run_queue: {max_concurrent_runs: 3}"
    plain, others = configuration(""), [configuration(IN_PODS), configuration(queue)]
    for other in others:
        assert [one.surroundings for one in with_fingerprints(other).all_locations] == [
            one.surroundings for one in with_fingerprints(plain).all_locations
        ]


def test_accounts_and_tokens_are_there_where_runs_are_pods_and_nowhere_else() -> None:
    for name in ("dagster-daemon", "dagster-webserver"):
        assert the(configuration(""), "ServiceAccount", name) is None
        deployment = the(configuration(""), "Deployment", name)
        assert deployment is not None
        assert deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
        deployment = the(configuration(), "Deployment", name)
        assert deployment is not None
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name
        role = the(configuration(), "Role", name)
        assert role is not None
        assert not [one for one in role["rules"] if {"*", "secrets", "pods/exec"} & set(one["resources"])]
    many_eyes = configuration(f"{IN_PODS}\nwebserver: {{read_only: true}}")
    read_only = the(many_eyes, "Deployment", "dagster-webserver-read-only")
    assert read_only is not None
    assert read_only["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    (main,) = read_only["spec"]["template"]["spec"]["containers"]
    there = the(many_eyes, "ConfigMap", "dagster-instance")
    assert there is not None
    told = yaml.safe_load(there["data"][Path(main["command"][3]).name])
    assert "run_launcher" not in told, "the UI asks for its name, and it can't be loaded without a token"
    assert {**dagster_yaml(many_eyes), **told} == dagster_yaml(many_eyes)


def test_the_queue_is_as_configured_whatever_launches_its_runs() -> None:
    assert dagster_yaml(configuration(""))["run_coordinator"]["config"]["max_concurrent_runs"] == 10
    told = dagster_yaml(WHOLE_ONE)
    assert told["run_coordinator"]["config"] == {
        "dequeue_interval_seconds": 7,
        "max_concurrent_runs": 7,
        "tag_concurrency_limits": [
            {"key": "team", "value": "data", "limit": 1},
            {"key": "customer", "value": {"applyLimitPerUniqueValue": True}, "limit": 2},
        ],
    }
    assert told["run_monitoring"]["enabled"] is True
    assert "max_resume_run_attempts" not in told["run_monitoring"], "whoever loads it would need to launch"


@pytest.mark.parametrize("text", ["", IN_PODS, WHOLE], ids=["default", "in pods", "every key"])
def test_dagster_takes_what_is_written_for_it(text: str, tmp_path: Path) -> None:
    """Dagster's schemas of instance and launcher check it, also for a run, which launches nothing."""
    found = configuration(text)
    for told in (instance.settings(found), instance.served(found), local_instance(found)):
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(told))
        read_by_dagster, _ = dagster_instance_config(str(tmp_path))
        coordinator = read_by_dagster["run_coordinator"]
        assert process_config(QueuedRunCoordinator.config_type(), coordinator.get("config", {})).success
        if launcher := read_by_dagster.get("run_launcher"):
            kind = getattr(import_module(launcher["module"]), launcher["class"])
            assert process_config(kind.config_type(), launcher.get("config", {})).success
    queue = local_instance(found)["run_coordinator"]
    assert queue == instance.settings(found)["run_coordinator"]


def test_the_commit_of_a_waiting_run_is_read_from_what_it_carries() -> None:
    found = WHOLE_ONE
    made = released(next(one for one in found.locations if one.name == "orders"), found)
    context = json.loads(release.context_of_runs(made, found, ARCHIVE))
    assert runs.commits(context) == [COMMIT]
    assert runs.commits({}) == runs.commits({"k8s": {"namespace": "x"}}) == []


def test_runs_that_wait_keep_the_code_of_their_release(tmp_path: Path) -> None:
    """Runs are as in the database: with what their release's server told Dagster about itself."""
    made = released(next(one for one in WHOLE_ONE.locations if one.name == "orders"), WHOLE_ONE)
    context = json.loads(release.context_of_runs(made, WHOLE_ONE, ARCHIVE))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    assert waiting_commits(tmp_path) == []
    with DagsterInstance.from_config(str(tmp_path)) as there:
        for status, told in (("STARTING", context), ("STARTED", {"k8s": {}}), ("NOT_STARTED", None)):
            where = RepositoryPythonOrigin("python", ModuleCodePointer("m", "defs", None), None, None, told)
            origin = JobPythonOrigin("j", where)
            there.add_run(DagsterRun("j", status=DagsterRunStatus(status), job_code_origin=origin))
    assert waiting_commits(tmp_path) == [COMMIT]


def test_two_releases_of_a_location_make_no_difference_to_what_runs_may_have() -> None:
    """Otherwise every rollout would change the foundation."""
    made = released(WHOLE_ONE.locations[0], WHOLE_ONE).model_copy(update={"number": 3})
    text = release.context_of_runs(made, WHOLE_ONE, "dagster-code-other")
    live = in_cluster(WHOLE_ONE, ClusterFacts(live_runs=(text,)))
    assert run_limits.limits(live) == run_limits.limits(WHOLE_ONE)


def test_a_location_in_a_namespace_of_its_own_has_no_run_pods() -> None:
    text = f"{IN_PODS}\ncode_locations: [{{name: a, isolation: {{}}}}]"
    with pytest.raises(BadInput, match="beside locations in namespaces of their own: a"):
        must_fit(configuration(text), "kubernetes")


def test_on_one_machine_there_are_no_pods() -> None:
    must_fit(configuration(), "kubernetes")
    must_fit(configuration(""), "local")
    with pytest.raises(
        BadInput, match=r"configvalues\.yaml:run_launcher: Found `kubernetes` on target local"
    ):
        must_fit(configuration(), "local")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("run_launcher: docker", "code_server"),
        ("run_queue: {max_concurrent_runs: -2}", "at least -1"),
        ("run_queue: {tag_concurrency_limits: [{key: '', limit: 1}]}", "the key of a tag"),
        ("run_queue: {tag_concurrency_limits: [{key: a}]}", "required"),
        (
            "run_queue: {tag_concurrency_limits: [{key: a, value: b, per_unique_value: true, limit: 1}]}",
            "no `value` beside `per_unique_value: true`",
        ),
    ],
)
def test_wrong_input_is_named(text: str, told: str) -> None:
    with pytest.raises(BadInput) as error:
        configuration(text)
    assert told in str(error.value)
