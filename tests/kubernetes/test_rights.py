"""What `ops` may do: what its jobs do, and nothing more. Tried as that account, on a real API server."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.config import OPS, Configuration, read
from playground_ops.config.kubernetes_section import PackagesSettings
from playground_ops.core.model import Location, Release, Revision
from playground_ops.core.pod_settings import PodSettings, Volume
from playground_ops.render import foundation, jobs, one_shot_pods, release
from playground_ops.render.admission import render as policies
from playground_ops.render.mounted_versions import VERSIONS
from playground_ops.render.names import CONFIGURATION, KEPT_FOLDER, OPS_ACCOUNT
from playground_ops.render.stack import render
from playground_ops.targets.kubernetes.outside import widening
from tests.asking import eventually
from tests.cluster.access import Access, KubectlFailed
from tests.cluster.plugin import SESSION_VARIABLE
from tests.kubernetes.as_account import refused_to_make
from tests.kubernetes.connections import remove_policies
from tests.kubernetes.overreach import (
    ADDRESSES_REFUSED,
    CLAIM,
    REFUSED,
    Change,
    Object,
    an_ingress,
    fetch_elsewhere,
    image,
    mounted,
    spec,
    token,
    with_the_secret_of,
)

HTTPS, SSH = "https://git.internal/x.git", "git@git.internal:x.git"
OF_OPS = "https://git.internal/ops.git"


def configured(namespace: str) -> Configuration:
    store = "{s3: {bucket: team}, secret: store, service_account_annotations: {example.com/role: x}}"
    ingress = "{host: ui.internal, class_name: inner, tls_secret: tls, annotations: {example.com/size: 8m}}"
    found = read(
        f"""
        kubernetes: {{namespace: {namespace}, artifacts_store: {store}, ingress: {ingress}}}
        deployments: [{{name: next, webserver: {{path: /next}}}}]
        webserver: {{pod: {{service_type: NodePort}}}}
        postgres: {{pod: {{volumes: [{{name: ca, path: /mnt/ca, secret: database-ca}}]}}}}
        """,
        Path("x.yaml"),
    )
    pod = PodSettings(
        image="registry.internal/mine:1",
        environment_from_secrets=("more",),
        environment_from_config_maps=("settings",),
        image_pull_secrets=("pull",),
        volumes=tuple(
            Volume(name=name, path=f"/mnt/{name}", secret=name) for name in ("shell-files", "shell-git")
        ),
    )
    locations = (
        Location(name="plain"),
        Location(name="second", deployment="next"),
        Location(name="web", repository=HTTPS, git_secret="web-git"),
        Location(name="shell", repository=SSH, git_secret="shell-git", pod=pod),
    )
    ops = found.ops.model_copy(update={"repository": OF_OPS, "git_secret": "ops-git"})
    packages = PackagesSettings(index_url="https://pypi.internal/simple", secret="index")
    settings = found.kubernetes.model_copy(update={"packages": packages})
    reaching = found.kubernetes.artifacts_store
    assert reaching is not None
    stored = tuple(one.model_copy(update={"pod": reaching.given(one.pod)}) for one in locations)
    return found.model_copy(update={"locations": stored, "ops": ops, "kubernetes": settings})


@pytest.fixture(scope="module")
def space(access: Access) -> Iterator[str]:
    """A namespace with the foundation alone."""
    name = access.make_namespace(os.environ[SESSION_VARIABLE])
    found = configured(name)
    access.apply(*foundation.rights(found), *policies(found))
    other = copy.deepcopy(release_of(found, "plain"))
    del other["spec"]["template"]["spec"]["containers"][0]["image"]
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "elsewhere/evil:1"
    try:
        # A policy is in force some time after it was made.
        eventually("the policy to be in force", lambda: "may not use" in refusal(access, other))
        yield name
    finally:
        remove_policies(access, name)
        access.delete_namespace(name, wait=False)


def release_of(found: Configuration, location: str) -> Object:
    chosen = next(one for one in found.all_locations if one.name == location)
    revision = Revision(repository=chosen.repository, commit="0" * 40)
    made = Release(location=chosen, number=1, revision=revision, configuration="c", created_at="t")
    return release.render(made, found, "dagster-code-x")[0]


def resolver_of(found: Configuration, location: str) -> Object:
    chosen = next(one for one in found.all_locations if one.name == location)
    return one_shot_pods.resolver_pod([chosen], ["HEAD"], found, "dagster-resolve-x", 30)


def as_ops(access: Access, namespace: str, *arguments: str, stdin: str | None = None) -> str:
    user = f"--as=system:serviceaccount:{namespace}:{OPS_ACCOUNT}"
    return access.kubectl(*arguments, user, namespace=namespace, stdin=stdin)


def refusal(access: Access, wanted: Object) -> str:
    """Return the API server's refusal to `ops`; empty when it would make the object."""
    return refused_to_make(access, OPS_ACCOUNT, wanted)


@pytest.mark.parametrize("location", ["ops", "plain", "second", "web", "shell"])
def test_every_kind_of_release_may_be_made(access: Access, space: str, location: str) -> None:
    assert refusal(access, release_of(configured(space), location)) == ""


def test_a_token_for_the_cloud_of_the_store_may_be_added(access: Access, space: str) -> None:
    """A cloud's webhook adds it before the policy sees the pod."""
    made = release_of(configured(space), "web")
    assert spec(made)["serviceAccountName"] == "dagster-code"
    token(audience="sts.amazonaws.com")(made)
    assert refusal(access, made) == ""


def test_ops_may_be_made_of_the_archive_too(access: Access, space: str) -> None:
    found = configured(space).model_copy(update={"ops": OPS})
    assert refusal(access, release_of(found, "ops")) == ""


def test_ops_from_git_comes_from_where_the_configuration_says(access: Access, space: str) -> None:
    made = release_of(configured(space), "ops")
    fetch_elsewhere(made)
    assert "a repository that is not configured" in refusal(access, made)


@pytest.mark.parametrize("location", ["ops", "web", "shell"])
def test_a_ref_may_be_resolved(access: Access, space: str, location: str) -> None:
    assert refusal(access, resolver_of(configured(space), location)) == ""


def test_the_components_may_be_applied(access: Access, space: str) -> None:
    every = render(configured(space))
    locations = [name for name in every if name.startswith("location-")]
    components = ("postgres", "webserver", "daemon", "webserver-next", "daemon-next")
    for objects in (every[name] for name in (*components, *locations)):
        for one in objects:
            if one["kind"] == "StatefulSet":
                assert "cannot create resource" in refusal(access, one), "whoever may has all of the database"
            else:
                assert refusal(access, one) == "", one["metadata"]["name"]


def test_the_ingress_may_be_applied_as_it_is_configured(access: Access, space: str) -> None:
    (made,) = [one for one in render(configured(space))["webserver"] if one["kind"] == "Ingress"]
    assert made["spec"] == an_ingress("dagster-webserver")["spec"] | {"tls": made["spec"]["tls"]}
    assert refusal(access, made) == ""


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_more_than_the_configuration_has_is_refused(
    access: Access, space: str, change: Change, said: str
) -> None:
    made = release_of(configured(space), "web")
    change(made)
    assert said in refusal(access, made)


@pytest.mark.parametrize(("made", "said"), ADDRESSES_REFUSED)
def test_other_addresses_are_refused(access: Access, space: str, made: Object, said: str) -> None:
    wanted = copy.deepcopy(made)
    wanted["metadata"]["namespace"] = space
    assert said in refusal(access, wanted)


def test_a_commit_of_ops_may_add_a_location_of_a_repository_that_is_configured(
    access: Access, space: str
) -> None:
    """With folders of its own. Whose a pod is says its label, which is `ops`'s to write."""
    found = configured(space)
    fresh = Location(name="fresh", repository=HTTPS, git_secret="web-git")
    more = found.model_copy(update={"locations": (*found.locations, fresh)})
    for made in (release_of(more, "fresh"), *render(more)["location-fresh"]):
        assert refusal(access, made) == "", made["kind"]
    for change, said in (
        (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath="locations/another"), CLAIM),
        (mounted("dagster-grpc", "/opt/dagster/artifacts", subPath="locations"), CLAIM),
        (mounted("git-sync", KEPT_FOLDER, subPath=".code/another.git"), "a volume of git-sync"),
        (with_the_secret_of("ops-git"), "the Secret of another repository"),
        (fetch_elsewhere, "a repository that is not configured"),
    ):
        made = release_of(more, "fresh")
        change(made)
        assert said in refusal(access, made)
    (address,) = render(more)["location-fresh"]
    address["spec"]["type"] = "NodePort"
    assert "a type of Service" in refusal(access, address)


def test_what_controllers_wrote_on_an_address_may_stay(access: Access, space: str) -> None:
    """A rollout writes the selector of an address that a controller of the cloud has marked."""
    (address,) = render(configured(space))["location-web"]
    access.apply({**address, "metadata": {**address["metadata"], "annotations": {"cloud.example/id": "7"}}})
    selector = {"app": "dagster-grpc-web", "playground.dagster/release": "1"}
    as_ops(
        access, space, "patch", "service/dagster-grpc-web", "-p", json.dumps({"spec": {"selector": selector}})
    )
    with pytest.raises(KubectlFailed, match="the annotation of an address"):
        as_ops(access, space, "annotate", "--overwrite", "service/dagster-grpc-web", "cloud.example/id=8")
    access.kubectl("delete", "service/dagster-grpc-web", namespace=space)


def test_what_was_let_through_once_is_scaled_and_marked_as_it_is_and_not_changed(
    access: Access, space: str
) -> None:
    made = release_of(configured(space), "web")
    image(made)
    made["spec"]["replicas"] = 0
    access.apply(made, namespace=space)
    name = f"deployment/{made['metadata']['name']}"
    as_ops(access, space, "patch", name, "--patch", '{"spec": {"replicas": 1}}')
    as_ops(access, space, "annotate", name, "playground.dagster/served-order=3")
    with pytest.raises(KubectlFailed, match="an image that the configuration does not name"):
        as_ops(access, space, "set", "image", name, "dagster-grpc=elsewhere/evil:2")
    access.kubectl("delete", name, namespace=space)


def test_the_backup_s_pod_is_let_through(access: Access, space: str) -> None:
    assert refusal(access, jobs.backup_pod(configured(space), "dagster-backup-x", "x.backup", 60)) == ""


def test_a_resolver_does_what_it_is_for(access: Access, space: str) -> None:
    made = resolver_of(configured(space), "web")
    made["spec"]["containers"][0]["command"] = ["sh", "-c", "env", "resolve"]
    assert "a command of git-sync" in refusal(access, made)
    elsewhere = resolver_of(configured(space), "web")
    elsewhere["spec"]["containers"][0]["args"][0] = "https://evil.example/x.git"
    assert "a repository that is not configured" in refusal(access, elsewhere)
    hooked = resolver_of(configured(space), "web")
    hook = {"exec": {"command": ["sh", "-c", "cat /etc/git-secret/*"]}}
    hooked["spec"]["containers"][0]["lifecycle"] = {"postStart": hook}
    assert "something of git-sync" in refusal(access, hooked)
    for change, told in (
        ({"args": [HTTPS, "--upload-pack=/x"]}, "a command of git-sync"),
        ({"envFrom": [{"configMapRef": {"name": "x"}}]}, "something of git-sync"),
        ({"terminationMessagePath": "/etc/git-secret/password"}, "something of git-sync"),
    ):
        other = resolver_of(configured(space), "web")
        other["spec"]["containers"][0] |= change
        assert told in refusal(access, other), change
    other = resolver_of(configured(space), "web")
    other["spec"]["volumes"][1]["secret"]["secretName"] = "ops-git"
    assert "the Secret of another repository" in refusal(access, other)
    other = resolver_of(configured(space), "web")
    other["spec"]["initContainers"] = [{**other["spec"]["containers"][0], "name": "before"}]
    assert "a command of git-sync" in refusal(access, other)


@pytest.mark.parametrize("name", [CONFIGURATION, VERSIONS])
def test_its_own_orders_are_not_its_to_change(access: Access, space: str, name: str) -> None:
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": space}}
    with pytest.raises(KubectlFailed, match="may not change what it is told to do"):
        apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
        as_ops(access, space, *apply, stdin=json.dumps({**wanted, "data": {"images": "*"}}))


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "pods/exec"),
        ("get", "pods/exec"),
        ("create", "pods/portforward"),
        ("patch", "pods/ephemeralcontainers"),
        ("create", "serviceaccounts/token"),
        ("patch", "roles"),
        ("bind", "roles"),
        ("escalate", "roles"),
        ("create", "rolebindings"),
        ("patch", "networkpolicies"),
        ("create", "jobs"),
        ("create", "cronjobs"),
        ("create", "daemonsets"),
        ("create", "replicasets"),
        ("delete", "persistentvolumeclaims"),
        ("delete", "statefulsets"),
        ("impersonate", "serviceaccounts"),
    ],
)
def test_it_has_no_right_beyond_its_jobs(access: Access, space: str, verb: str, what: str) -> None:
    try:
        resource, _, below = what.partition("/")
        more = [f"--subresource={below}"] if below else []
        as_ops(access, space, "auth", "can-i", verb, resource, *more)
    except KubectlFailed:
        return
    pytest.fail(f"{OPS_ACCOUNT} may {verb} {what}")


def test_another_namespace_is_not_its(access: Access, space: str) -> None:
    made = release_of(configured("default"), "plain")
    with pytest.raises(KubectlFailed, match="forbidden"):
        as_ops(access, space, "create", "-n", "default", "-f", "-", stdin=json.dumps(made))


def pod_policy(found: Configuration) -> Object:
    return next(one for one in policies(found) if one["metadata"]["name"].startswith(f"{OPS_ACCOUNT}-pods"))


def test_during_a_deploy_pods_of_both_configurations_are_let_through_and_no_others(
    access: Access, space: str
) -> None:
    """A deploy that changes an image: who began before it asks repositories with the image before."""
    before = configured(space)
    after, never = (
        before.model_copy(update={"images": before.images.model_copy(update={"git_sync": f"git-sync:{tag}"})})
        for tag in ("new", "never")
    )
    old, new, other = (resolver_of(found, "web") for found in (before, after, never))
    assert "an image that the configuration does not name" in refusal(access, new)
    name = pod_policy(after)["metadata"]["name"]
    wide = widening.policy(access.get("validatingadmissionpolicy", name), pod_policy(after))
    try:
        access.apply(wide)
        eventually("the wide policy to be in force", lambda: refusal(access, new) == "")
        for found in (before, after):
            assert refusal(access, resolver_of(found, "shell")) == ""
            assert refusal(access, release_of(found, "web")) == ""
        assert refusal(access, old) == ""
        assert "git-sync:never" in refusal(access, other)
        elsewhere = copy.deepcopy(old)
        elsewhere["spec"]["containers"][0]["args"][0] = "https://evil.example/x.git"
        assert "may not use" in refusal(access, elsewhere), "neither lets it through"
        access.apply(pod_policy(after))
        eventually("the narrow policy to be in force", lambda: refusal(access, old) != "")
        assert refusal(access, new) == ""
    finally:
        access.apply(pod_policy(before))
        eventually("the policy of before to be in force", lambda: refusal(access, old) == "")
