"""checkov's checks for Kubernetes on every object: what it finds is fixed, or argued in exceptions.yaml."""

from __future__ import annotations

import pytest
import yaml

from playground_ops.config import read
from tests.checkov.scanning import Excepted, Found, exceptions, install, scan, unexcepted, unused
from tests.rendered import ELSEWHERE, ROOT, WHOLE, code_archive, everything

PLANTED = """
apiVersion: v1
kind: Pod
metadata: {name: planted, namespace: planted}
spec: {containers: [{name: planted, image: planted, securityContext: {privileged: true}}]}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """Scan all configurations at once: starting checkov takes longer than its checks."""
    install()
    folder = tmp_path_factory.mktemp("rendered")
    made = 0
    for name, text in {"default": "", "whole": WHOLE, "elsewhere": ELSEWHERE}.items():
        objects = [*everything(read(text, ROOT / "configvalues.yaml")), code_archive("dagster")]
        made += len(objects)
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(objects))
    (folder / "planted.yaml").write_text(PLANTED)
    told, looked_at = scan(folder)
    assert looked_at > made, "none is left out"
    return told


def test_what_is_found_is_excepted_with_an_argument(found: list[Found]) -> None:
    ours = [one for one in found if one.object != "Pod/planted"]
    assert ours, "it finds what the exceptions are for"
    assert unexcepted(ours, exceptions()) == []


def test_no_exception_is_left_over(found: list[Found]) -> None:
    assert unused([one for one in found if one.object != "Pod/planted"], exceptions()) == []


def test_a_fault_is_found(found: list[Found]) -> None:
    checks = {one.check for one in found if one.object == "Pod/planted"}
    assert {"CKV_K8S_16", "CKV_K8S_23"} <= checks, "privileged, and root"


def test_every_exception_is_argued() -> None:
    assert [one.check for one in exceptions() if len(one.because) < 40] == []


def test_an_exception_is_for_its_check_and_its_objects_alone() -> None:
    rule = Excepted("CKV_1", "A", ["Pod/a-*", "Job/b"], "")
    for_it, other_object, other_check = (
        Found("CKV_1", "A", "Pod/a-1"),
        Found("CKV_1", "A", "Pod/b"),
        Found("CKV_2", "B", "Pod/a-1"),
    )
    assert unexcepted([for_it, other_object, other_check], [rule]) == [other_object, other_check]
    assert unused([for_it, other_object], [rule]) == [("CKV_1", "Job/b")]
