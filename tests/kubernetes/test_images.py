"""A location whose code is in an image: it serves, moves to another image, and goes back."""

from __future__ import annotations

import pytest

from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack
from tests.shared import changed

A = "reports"


@pytest.fixture(scope="module")
def stack(shared_stack: Pool, images: list[str]) -> ClusterStack:
    return shared_stack.plain()


def test_it_serves_what_the_image_has(stack: ClusterStack) -> None:
    assert stack.assets(A) == ["first"]
    assert stack.location(A)["commit"].startswith("image-")


def test_an_asset_of_it_is_made(stack: ClusterStack) -> None:
    stack.wait_for_success(stack.launch(A, "__ASSET_JOB"))


def test_a_ref_is_refused_with_what_to_do_instead(stack: ClusterStack, images: list[str]) -> None:
    refused = stack.run("redeploy", A, "--ref", "main")
    assert refused.returncode == 2
    assert f"Its code is in the image {images[0]}" in refused.stdout + refused.stderr


def test_another_image_is_a_new_release_what_can_not_be_imported_never_serves_and_the_first_comes_back(
    stack: ClusterStack, images: list[str]
) -> None:
    with changed(stack, A, image=images[1]):
        assert A in " ".join(stack.plan())
        stack.ok("deploy")
        assert stack.assets(A) == ["second"]
        with changed(stack, A, image=images[1], module="nowhere"):
            ended = stack.run("deploy")
        assert ended.returncode == 1
        assert "No module named 'nowhere'" in ended.stderr + ended.stdout
        assert stack.assets(A) == ["second"]
    stack.ok("rollback", A)
    assert stack.assets(A) == ["first"]
    stack.ok("deploy")
    assert stack.plan() == {}


@pytest.mark.soak
def test_an_image_that_nobody_has_never_serves(stack: ClusterStack) -> None:
    with changed(stack, A, image="registry.test/reports:nosuch", startup_timeout_seconds=20):
        ended = stack.run("deploy")
    assert ended.returncode == 1
    assert "registry.test/reports:nosuch" in ended.stderr + ended.stdout
    assert stack.assets(A) == ["first"]
    stack.ok("deploy")
