"""Objects field by field: what differs, and who owns what."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from playground_ops.targets.kubernetes.objects.fields import differences, foreign

DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "x", "resourceVersion": "7", "labels": {"a": "1"}},
    "spec": {
        "replicas": 1,
        "containers": [{"name": "main", "image": "a"}, {"name": "side", "image": "b"}],
        "args": ["-w", "file"],
    },
    "status": {"replicas": 1},
}


def test_what_the_server_writes_is_no_difference() -> None:
    other = {**DEPLOYMENT, "status": {}, "metadata": {**DEPLOYMENT["metadata"], "resourceVersion": "8"}}
    assert differences(DEPLOYMENT, other) == ()


def test_a_change_is_named_by_its_path_with_before_and_after() -> None:
    spec = {
        "replicas": 2,
        "containers": [{"name": "side", "image": "b"}, {"name": "main", "image": "c", "tty": True}],
        "args": ["-w"],
    }
    found = differences(DEPLOYMENT, {**DEPLOYMENT, "spec": spec})
    assert [(one.path, one.before, one.after) for one in found] == [
        ("spec.args[1]", "file", None),
        ("spec.containers[main].image", "a", "c"),
        ("spec.containers[main].tty", None, "true"),
        ("spec.replicas", "1", "2"),
    ]


def test_values_of_a_secret_are_masked() -> None:
    before = {"kind": "Secret", "type": "Opaque", "data": {"password": "b2xk"}}
    (found,) = differences(before, {**before, "data": {"password": "bmV3"}})
    assert (found.path, found.before, found.after) == ("data.password", "***", "***")


def test_fields_of_others_are_told_with_their_manager() -> None:
    managed = [
        {"manager": "playground-ops", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {
            "manager": "kubectl-edit",
            "fieldsV1": {
                "f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}}}},
                "f:metadata": {"f:finalizers": {'v:"x"': {}}},
            },
        },
        {"manager": "kube-controller-manager", "fieldsV1": {"f:metadata": {"f:annotations": {}}}},
        {"manager": "anybody", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "kubectl", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]
    found = {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "managedFields": managed}}
    assert foreign(found, ["playground-ops"]) == (
        ('metadata.finalizers["x"]', "kubectl-edit"),
        ("spec.containers[main].image", "kubectl-edit"),
        ("spec.replicas", "kubectl"),
    )


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
KEYS = st.text("abc", min_size=1, max_size=2)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["spec", "data"]), VALUES)


@given(OBJECTS)
def test_an_object_differs_from_itself_in_nothing(found: dict[str, Any]) -> None:
    assert differences(found, found) == ()


@given(st.dictionaries(KEYS, LEAVES), KEYS, LEAVES, LEAVES)
def test_one_changed_field_is_the_one_difference(
    others: dict[str, Any], key: str, before: object, after: object
) -> None:
    found = differences({"spec": {**others, key: before}}, {"spec": {**others, key: after}})
    assert [one.path for one in found] == ([f"spec.{key}"] if before != after else [])
