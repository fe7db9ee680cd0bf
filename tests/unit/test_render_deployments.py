"""Deployments as they are rendered: each has its own, nobody has another's, and the main one's stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.load import location_origins_from_yaml_paths
from hypothesis import given, settings

from playground_ops.config import Configuration, read
from playground_ops.config.cluster import ClusterFacts, in_cluster
from playground_ops.core.model import MAIN
from playground_ops.render import files, instance, jobs, one_shot_pods, release, run_limits, waiting
from playground_ops.render.deployments import DEPLOYMENT
from playground_ops.render.names import LOCATION
from playground_ops.render.pod_fingerprint import with_fingerprints
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.api.paths import title
from tests.rendered import ARCHIVE, released
from tests.runpods import job_of
from tests.unit.test_config import faults_of
from tests.unit.test_render import ONE_STACK

HERE = Path("configvalues.yaml")
THREE = """
run_launcher: kubernetes
webserver: {read_only: true}
kubernetes: {ingress: {host: dagster.test, path: /, tls_secret: tls}}
deployments:
  - name: next
    webserver: {read_only: true, path: /next, pod: {disruption_budget: true}}
    run_queue: {max_concurrent_runs: 2}
    run_retries: {max_retries: 1}
  - name: quiet
    webserver: {ingress: {host: quiet.test}}
    daemon: off
    postgres: {password_secret: mine, external: {host: 192.0.2.7, database: q, user: ada}}
code_locations:
  - {name: a, egress: [{cidr: 10.0.0.0/8}]}
  - {name: b, deployment: next, egress: [{cidr: 10.0.0.0/8}], pod: {disruption_budget: true}}
  - {name: c, deployment: quiet, egress: [{cidr: 10.0.0.0/8}]}
"""
ALONE = """
deployments: [{name: next, postgres: {external: {host: 192.0.2.7}}}]
code_locations:
  - {name: a, isolation: {database: true}, egress: closed, deployment: next}
  - {name: b}
"""
Object = dict[str, Any]
OWN = {
    MAIN: ("dagster-postgres", "dagster-instance", "dagster-workspace", "compute_logs"),
    "next": (
        *("dagster-postgres-next", "dagster-instance-next", "dagster-workspace-next"),
        "deployments/next/compute_logs",
    ),
    "quiet": ("mine", "dagster-instance-quiet", "dagster-workspace-quiet", "deployments/quiet/compute_logs"),
}
"""The Secret with the password, the ConfigMaps, and the folder of logs of each deployment of THREE."""


def configuration(text: str = THREE) -> Configuration:
    return read(text, HERE)


def objects(found: Configuration) -> dict[str, Object]:
    return {title(one): one for component in render(found).values() for one in component}


def pods_of(found: Configuration, name: str) -> Iterator[tuple[str, Object]]:
    """Yield all that makes pods for one deployment, with their pods: what is applied, and what is made."""
    view = found.of(name)
    made = [one for one in objects(found).values() if one["metadata"]["labels"].get(DEPLOYMENT, MAIN) == name]
    for location in view.all_locations:
        one = released(location, found)
        made += [release.render(one, found, ARCHIVE)[0], job_of(one, found, ARCHIVE)]
        script = one_shot_pods.Script("print()", ())
        made.append(one_shot_pods.smoke_pod(one, found, ARCHIVE, f"smoke-{location.name}", script))
    made += [jobs.backup_pod(view, "backup", "x", 1), jobs.migration_job(view, "migration")]
    for found_one in made:
        if found_one["kind"] in ("Deployment", "Job"):
            yield title(found_one), found_one["spec"]["template"]
        if found_one["kind"] == "Pod":
            yield title(found_one), found_one


def passwords(pod: Object) -> set[str]:
    every = (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
    env = [one for container in every for one in container.get("env", ()) if "valueFrom" in one]
    return {one["valueFrom"]["secretKeyRef"]["name"] for one in env}


def uses(pod: Object) -> set[str]:
    """Return the Secrets, ConfigMaps and folders of logs that a pod names, and the settings it carries."""
    volumes = pod["spec"]["volumes"]
    maps = {one["configMap"]["name"] for one in volumes if "configMap" in one}
    every = (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
    folders = {mount.get("subPath", "") for one in every for mount in one.get("volumeMounts", ())}
    return passwords(pod) | maps | folders


@pytest.mark.parametrize("name", OWN)
def test_every_pod_has_what_is_of_its_own_deployment_and_nothing_of_another(name: str) -> None:
    found = configuration()
    theirs = {one for other, several in OWN.items() if other != name for one in several}
    theirs |= {"deployments"}
    made = list(pods_of(found, name))
    assert len(made) >= 6, "a webserver, a server, its runs, a smoke test, a backup, a migration"
    for what, pod in made:
        if pod["metadata"]["labels"].get(LOCATION) != "ops":
            assert not uses(pod) & theirs, what
        assert pod["metadata"]["labels"].get(DEPLOYMENT, MAIN) == name, what
        has_code_or_ui = "postgres" not in what and "backup" not in what and "migration" not in what
        assert not has_code_or_ui or OWN[name][3] in uses(pod), what
        assert OWN[name][0] in passwords(pod) or "smoke" not in what, what


def test_ops_and_its_jobs_have_the_passwords_of_all_and_of_the_others_nothing_else() -> None:
    found = configuration()
    ops = released(found.ops, found)
    command = jobs.Command(["deploy"], "somebody")
    server = release.render(ops, found, ARCHIVE)[0]["spec"]["template"]
    for pod in (
        server,
        job_of(ops, found, ARCHIVE)["spec"]["template"],
        jobs.remote_job(found, "x", ARCHIVE, command)["spec"]["template"],
    ):
        env = {one["name"]: one for one in pod["spec"]["containers"][0]["env"]}
        held = {name: one["valueFrom"]["secretKeyRef"] for name, one in env.items() if "valueFrom" in one}
        assert held == {
            "DAGSTER_PG_PASSWORD": {"name": "dagster-postgres", "key": "password"},
            # `ops` comes up without it, and tells of it.
            "DAGSTER_PG_PASSWORD_NEXT": {
                "name": "dagster-postgres-next",
                "key": "password",
                "optional": True,
            },
            "DAGSTER_PG_PASSWORD_QUIET": {"name": "mine", "key": "password", "optional": True},
        }
        assert env["DAGSTER_PG_DATABASE"]["value"] == "dagster"
        assert not uses(pod) & {*OWN["next"][1:], *OWN["quiet"][1:]}
    for view in found.views[1:]:
        told = instance.seen_from_ops(view)["storage"]["postgres"]["postgres_db"]
        assert told["password"]["env"] in env, "which is what its homes of the others name"
    assert "deployments" in uses(server), "to measure and to cut what runs print"


SHARED = {
    "configmap/dagster-configuration",
    "networkpolicy/dagster-locations",
    "role/dagster-ops",
}
POLICIES = ("dagster-ops-ingresses-", "dagster-ops-pods-", "dagster-ops-services-", "dagster-runs-")
"""What is rendered for a stack and changes with its deployments. A run of `ops` has the passwords of all."""
MORE = """
deployments:
  - {name: zzz-1, postgres: {external: {host: db, database: x}}, webserver: {ingress: {host: x.test}}}
  - {name: zzz-2, daemon: off, postgres: {external: {host: db, database: y}}}
"""


@settings(max_examples=12)
@given(ONE_STACK)
def test_what_the_main_deployment_has_stays_as_it_was(document: Object) -> None:
    """Deployments come beside it: its pods are not restarted, and its locations need no release."""
    own = list(document["code_locations"])
    beside = [{"name": "zzz-a", "deployment": "zzz-1"}, {"name": "zzz-b", "deployment": "zzz-2"}]
    more = {**document, **yaml.safe_load(MORE), "code_locations": [*own, *beside]}
    before, after = (configuration(yaml.safe_dump(one)) for one in (document, more))
    was, now = objects(before), objects(after)
    for name in (name for name, one in was.items() if one != now[name]):
        assert name in SHARED or name.startswith(
            tuple(f"validatingadmissionpolicy/{one}" for one in POLICIES)
        )
    for name in now.keys() - was.keys():
        tags = now[name]["metadata"]["labels"]
        assert tags[DEPLOYMENT] in ("zzz-1", "zzz-2"), name
    alike = [one.surroundings for one in with_fingerprints(before).locations]
    assert [one.surroundings for one in with_fingerprints(after).locations[: len(own)]] == alike
    assert with_fingerprints(before).ops.surroundings != with_fingerprints(after).ops.surroundings


def test_files_are_named_and_ordered_like_those_of_the_main_one() -> None:
    made = files.files(render(configuration()), "x")
    assert sorted(made) == list(dict.fromkeys(sorted(made)))
    assert {name for name in made if "next" in name or "quiet" in name} == {
        *("2-instance-next.yaml", "2-instance-quiet.yaml", "2-workspace-next.yaml", "2-workspace-quiet.yaml"),
        *("4-webserver-next.yaml", "4-webserver-quiet.yaml", "4-webserver-read-only-next.yaml"),
        "4-daemon-next.yaml",
    }


def settings_of(found: Configuration, name: str) -> Object:
    told: Object = yaml.safe_load(objects(found)[f"configmap/{name}"]["data"]["dagster.yaml"])
    return told


def test_each_instance_has_its_own_queue_and_database() -> None:
    found = configuration()
    main, other = (settings_of(found, name) for name in ("dagster-instance", "dagster-instance-next"))
    queues = [one["run_coordinator"]["config"]["max_concurrent_runs"] for one in (main, other)]
    assert queues == [10, 2]
    assert other["run_retries"]["max_retries"] == 1
    assert other["run_launcher"]["config"]["instance_config_map"] == "dagster-instance-next"
    webserver = objects(found)["deployment/dagster-webserver-next"]["spec"]["template"]["spec"]
    env = {one["name"]: one.get("value") for one in webserver["containers"][0]["env"]}
    assert env["DAGSTER_PG_USER"] == env["DAGSTER_PG_DATABASE"] == "deployment_next"


def test_without_a_daemon_runs_start_at_once_and_nobody_is_told_to_watch_them(tmp_path: Path) -> None:
    found = configuration()
    assert "deployment/dagster-daemon-quiet" not in objects(found)
    told = settings_of(found, "dagster-instance-quiet")
    assert told["run_coordinator"]["class"] == "DefaultRunCoordinator"
    assert "run_monitoring" not in told
    assert told["run_retries"]["enabled"] is False, (
        "Dagster would mark runs as tried again, which nobody does"
    )
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(told))
    read_by_dagster, _ = dagster_instance_config(str(tmp_path))
    assert read_by_dagster["run_coordinator"]["class"] == "DefaultRunCoordinator"
    served = instance.served(found.of("quiet"))["run_coordinator"]
    assert served["class"] == "DefaultRunCoordinator", "what code submits starts at once too"
    launches = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
    assert launches in objects(found)["role/dagster-webserver-quiet"]["rules"], "its webserver launches them"
    assert launches not in objects(found)["role/dagster-webserver-next"]["rules"]
    assert "role/dagster-daemon-quiet" not in objects(found)


def test_a_deployment_without_locations_has_an_empty_workspace(tmp_path: Path) -> None:
    found = configuration("deployments: [{name: next}]")
    listed = objects(found)["configmap/dagster-workspace-next"]["data"]["workspace.yaml"]
    assert yaml.safe_load(listed) == {"load_from": []}
    (tmp_path / "workspace.yaml").write_text(listed)
    assert location_origins_from_yaml_paths([str(tmp_path / "workspace.yaml")]) == []


def test_each_webserver_is_reached_by_its_own_address() -> None:
    found = objects(configuration())
    hosts = {}
    for name in ("", "-next", "-quiet"):
        (rule,) = found[f"ingress/dagster-webserver{name}"]["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        hosts[name] = (rule["host"], path["path"], path["backend"]["service"]["name"])
    assert hosts == {
        "": ("dagster.test", "/", "dagster-webserver"),
        "-next": ("dagster.test", "/next", "dagster-webserver-next"),
        "-quiet": ("quiet.test", "/", "dagster-webserver-quiet"),
    }
    (main,) = found["deployment/dagster-webserver-next"]["spec"]["template"]["spec"]["containers"]
    assert main["args"][main["args"].index("--path-prefix") + 1] == "/next"
    assert main["readinessProbe"]["httpGet"]["path"] == "/next/server_info"
    assert "dagster-webserver-next.dagster" in main["args"], "the front door answers to its own name"
    named = [one["resourceNames"] for one in found["role/dagster-ops"]["rules"] if "resourceNames" in one]
    assert {"dagster-webserver-next", "dagster-webserver-read-only-quiet"} <= set(named[0])


def reaches(found: dict[str, Object], name: str) -> list[Object]:
    ((sources,),) = [[rule["from"] for rule in found[f"networkpolicy/{name}"]["spec"]["ingress"]]]
    return [one["podSelector"]["matchLabels"] for one in sources]


def test_a_location_is_asked_by_the_webservers_and_the_daemon_of_its_own_deployment() -> None:
    found = objects(configuration())
    both = [{LOCATION: "ops"}, {"app.kubernetes.io/component": "errand"}]
    for name in ("", "-next", "-quiet"):
        apps = [f"dagster-{what}{name}" for what in ("webserver", "webserver-read-only", "daemon")]
        assert reaches(found, f"dagster-locations{name}") == [*({"app": one} for one in apps), *both]
    main, other = (
        found[f"networkpolicy/dagster-locations{one}"]["spec"]["podSelector"] for one in ("", "-next")
    )
    assert main["matchExpressions"] == [{"key": DEPLOYMENT, "operator": "DoesNotExist"}]
    assert other["matchLabels"][DEPLOYMENT] == "next"
    assert found["networkpolicy/dagster-webserver-next"]["spec"]["podSelector"]["matchExpressions"] == [
        {
            "key": "app",
            "operator": "In",
            "values": ["dagster-webserver-next", "dagster-webserver-read-only-next"],
        }
    ]


def egress(found: dict[str, Object], name: str) -> list[Object]:
    return [to for rule in found[f"networkpolicy/{name}"]["spec"]["egress"] for to in rule.get("to", ())]


def test_limited_egress_leads_to_the_database_of_the_deployment() -> None:
    found = objects(configuration())
    postgres = {"podSelector": {"matchLabels": {"app": "dagster-postgres"}}}
    elsewhere = {"ipBlock": {"cidr": "192.0.2.7/32"}}
    for name, there, not_there in (
        ("a", postgres, elsewhere),
        ("b", postgres, elsewhere),
        ("c", elsewhere, postgres),
    ):
        assert there in egress(found, f"dagster-egress-{name}")
        assert not_there not in egress(found, f"dagster-egress-{name}")


def test_an_isolated_location_reaches_its_deployment_s_database_and_its_own_one() -> None:
    found = configuration(ALONE)
    made = objects(found)
    to = egress(made, "dagster-a/dagster-egress-a")
    assert {"ipBlock": {"cidr": "192.0.2.7/32"}} in to
    assert any("podSelector" in one and "namespaceSelector" in one for one in to)
    asked = made["networkpolicy/dagster-a/dagster-locations"]
    apps = [one["podSelector"]["matchLabels"].get("app") for one in asked["spec"]["ingress"][0]["from"]]
    assert "dagster-webserver-next" in apps
    assert "dagster-webserver" not in apps
    server = release.render(released(found.locations[0], found), found, ARCHIVE)[0]
    assert server["metadata"]["labels"][DEPLOYMENT] == "next"
    assert passwords(server["spec"]["template"]) == {"dagster-postgres-next", "dagster-database"}
    policy = made["validatingadmissionpolicy/dagster-ops-pods-dagster-a"]
    secrets = {one["name"]: one["expression"] for one in policy["spec"]["variables"]}["secrets"]
    assert json.loads(secrets) == ["dagster-database", "dagster-postgres-next"], (
        "in its namespace, no other's"
    )


def variables_of(found: Configuration, policy: str) -> dict[str, Any]:
    spec = objects(found)[f"validatingadmissionpolicy/{policy}"]["spec"]
    told = {}
    for one in spec["variables"]:
        try:
            told[one["name"]] = json.loads(one["expression"])
        except ValueError:
            told[one["name"]] = one["expression"]
    return told


def test_a_deployment_s_daemon_makes_runs_of_its_own_locations_with_what_these_have() -> None:
    found = configuration()
    main, other = (variables_of(found, f"dagster-runs-dagster{one}") for one in ("", ".next"))
    assert set(main["secretsOf"]) == {"ops", "a"}
    assert set(other["secretsOf"]) == {"b"}
    assert main["secretsOf"]["a"] == ["dagster-postgres"]
    assert other["secretsOf"]["b"] == ["dagster-postgres-next"]
    assert all("deployments/" not in place for place in main["claimPlacesOf"]["a"])
    assert any("|deployments/next/compute_logs|" in place for place in other["claimPlacesOf"]["b"])
    spec = objects(found)["validatingadmissionpolicy/dagster-runs-dagster.next"]["spec"]
    users = [f"system:serviceaccount:dagster:dagster-{one}-next" for one in ("daemon", "webserver")]
    assert spec["matchConditions"][0]["expression"] == f"request.userInfo.username in {users}"
    ended = objects(found)["validatingadmissionpolicy/dagster-runs-ended-dagster.next"]["spec"]
    assert "== 'next'" in ended["validations"][0]["expression"]


def test_runs_of_releases_from_before_are_of_the_deployment_that_launched_them() -> None:
    """A location that was moved: what its earlier releases have, the daemon of the earlier one may use."""
    found = configuration()
    moved = found.locations[0].model_copy(
        update={"pod": found.locations[0].pod.model_copy(update={"image": "x"})}
    )
    contexts = [
        release.context_of_runs(released(one, found), found, ARCHIVE)
        for one in (moved, moved.model_copy(update={"deployment": "next"}))
    ]
    live = in_cluster(found, ClusterFacts(live_runs=tuple(contexts)))
    main, other = (run_limits.limits(live.of(name)) for name in (MAIN, "next"))
    assert isinstance(main["secrets"], dict)
    assert isinstance(other["secrets"], dict)
    assert main["secrets"]["a"] == ["dagster-postgres"]
    assert other["secrets"]["a"] == ["dagster-postgres-next"]


def test_what_ops_makes_for_a_location_has_the_database_of_its_deployment() -> None:
    found = configuration()
    told = variables_of(found, "dagster-ops-pods-dagster")
    assert told["databases"] == ["dagster-postgres", "dagster-postgres-next", "mine"]
    assert told["databaseOf"] == {"a": "dagster-postgres", "b": "dagster-postgres-next", "c": "mine"}
    assert set(told["secrets"]) >= set(told["databases"])
    spec = objects(found)["validatingadmissionpolicy/dagster-ops-pods-dagster"]["spec"]
    said = [one["messageExpression"] for one in spec["validations"]]
    assert any("another deployment" in one for one in said)
    accounts = next(
        one["expression"] for one in spec["validations"] if "service account" in one["messageExpression"]
    )
    for name in ("dagster-daemon-next", "dagster-webserver-next", "dagster-webserver-quiet"):
        assert name in accounts
    labels = next(
        one["expression"] for one in spec["validations"] if "the label of" in one["messageExpression"]
    )
    assert "'dagster-webserver-read-only-next'" in labels


def test_budgets_are_of_the_components_that_ask_for_them() -> None:
    made = objects(configuration())
    budgets = [one for one in made.values() if one["kind"] == "PodDisruptionBudget"]
    names = {"dagster-webserver-next", "dagster-webserver-read-only-next", "dagster-grpc-b"}
    assert {one["metadata"]["name"] for one in budgets} == names
    assert {one["metadata"]["labels"][DEPLOYMENT] for one in budgets} == {"next"}


def test_waiting_for_a_database_shows_its_certificates_and_passes_its_parameters() -> None:
    volume = "{name: tls, path: /mnt/tls, secret: certificates}"
    external = "{host: db.test, database: q, parameters: {sslmode: verify-full, sslrootcert: /mnt/tls/ca}}"
    found = configuration(
        f"deployments: [{{name: next, webserver: {{pod: {{volumes: [{volume}]}}}}, "
        f"postgres: {{external: {external}}}}}]"
    )
    spec = objects(found)["deployment/dagster-webserver-next"]["spec"]["template"]["spec"]
    (wait,) = spec["initContainers"]
    assert wait["command"][2] == waiting.WAIT_TO_BE_LET_IN
    assert json.loads(wait["command"][3])["sslmode"] == "verify-full"
    assert [mount["mountPath"] for mount in wait["volumeMounts"]] == ["/mnt/tls"]
    main = objects(found)["deployment/dagster-webserver"]["spec"]["template"]["spec"]["initContainers"]
    assert [one["command"][2] for one in main] == [waiting.WAIT]


def test_logs_in_an_object_store_lie_below_the_deployment_s_name() -> None:
    """The UI shows whatever log it is asked for by its key, so a place alone keeps them apart."""
    found = configuration(
        "kubernetes: {artifacts_store: {s3: {bucket: team, prefix: x}, secret: store}}\n"
        "deployments: [{name: next}]"
    )
    prefixes = [instance.settings(view)["compute_logs"]["config"]["prefix"] for view in found.views]
    assert prefixes == ["x", "x/deployments/next"]
    webserver = objects(found)["deployment/dagster-webserver-next"]["spec"]["template"]["spec"]
    assert webserver["containers"][0]["envFrom"] == [{"secretRef": {"name": "store"}}]


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        (
            "deployments: [{name: next}]\ncode_locations: [{name: webserver-next}]",
            "code_locations[0].name",
            "a component of the deployment `next`",
        ),
        (
            "kubernetes: {ingress: {host: x.test}}\n"
            "deployments: [{name: next, webserver: {ingress: {host: x.test}}}]",
            "deployments[0].webserver.ingress",
            "the host and path of `kubernetes.ingress`",
        ),
        (
            "deployments: [{name: next}]\n"
            "code_locations: [{name: a, pod: {environment_from_secrets: [dagster-postgres-next]}}]",
            "code_locations[0].pod.environment_from_secrets",
            "the password of the deployment `next`",
        ),
        (
            "postgres: {password_secret: mine}\ndeployments: [{name: next}]\n"
            "code_locations: [{name: a, deployment: next, pod: {volumes: "
            "[{name: x, path: /mnt/x, secret: mine}]}}]",
            "code_locations[0].pod.volumes",
            "the password of the deployment `main`",
        ),
    ],
)
def test_what_would_be_in_each_other_s_way_is_named(text: str, path: str, told: str) -> None:
    found = faults_of(text)
    assert list(found) == [path]
    assert told in str(found[path])


def test_the_pages_of_each_say_which_it_is_and_lead_to_the_main_one() -> None:
    def said(found: Configuration, app: str) -> list[str]:
        pod = objects(found)[f"deployment/{app}"]["spec"]["template"]["spec"]
        arguments = pod["containers"][0]["args"]
        at = arguments.index("--deployment") if "--deployment" in arguments else len(arguments)
        return arguments[at : at + 4]

    main = ["--main-url", "https://dagster.test"]
    assert said(configuration(), "dagster-webserver") == []
    assert said(configuration(), "dagster-webserver-next") == ["--deployment", "next", *main]
    looks = said(configuration(), "dagster-webserver-read-only-next")
    assert looks == ["--deployment", "next", *main]
    alone = said(configuration(ALONE), "dagster-webserver-next")
    assert alone == ["--deployment", "next"]
