"""A location whose code is in an image: it comes up, moves to another image, and goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.images import dagster
from tests.cluster.images.catalog import catalog
from tests.cluster.images.layered import layered
from tests.kubernetes.pool import Pool
from tests.kubernetes.stacks import ClusterStack

CODE = "from dagster import asset\n\n\n@asset\ndef {name}(): ...\n"
NAMES = {version: f"registry.test/reports:{version}" for version in ("1", "2", "bad")}


@pytest.fixture(scope="module")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stock images with a file more; the third one's code can't be imported."""
    node, folder = cluster.node("node1"), tmp_path_factory.mktemp("images")
    (base,) = [image.archive() for image in catalog() if image.name == dagster.name()]
    code = {"1": CODE.format(name="first"), "2": CODE.format(name="second"), "bad": "import nowhere\n"}
    for version, name in NAMES.items():
        out = folder / f"{version}.tar"
        layered(out, base, name, {"/opt/dagster/app/reports.py": code[version]})
        node.ctr("images", "import", out)
        out.unlink()
    yield
    for name in NAMES.values():
        node.ctr("images", "rm", name)


@pytest.fixture(scope="module")
def stack(images: None, shared_stack: Pool) -> Iterator[ClusterStack]:
    """As it was afterwards: a stack that is not as configured is not well, which the next file may ask."""
    with shared_stack.having(reports("1")) as made:
        yield made
        to(made, "1")
        made.ok("deploy")


def reports(version: str, **more: Any) -> dict[str, Any]:
    return {"name": "reports", "image": NAMES[version], "module": "reports", **more}


def to(stack: ClusterStack, version: str, **more: Any) -> None:
    stack.configure(code_locations=[reports(version, **more)])


def test_it_serves_what_the_image_has(stack: ClusterStack) -> None:
    assert stack.assets("reports") == ["first"]
    found = stack.location("reports")
    assert found["commit"].startswith("image-")
    assert stack.plan() == {}


def test_an_asset_of_it_is_made(stack: ClusterStack) -> None:
    run = stack.launch("reports", "__ASSET_JOB")
    stack.wait_for_success(run)


def test_a_ref_is_refused_with_what_to_do_instead(stack: ClusterStack) -> None:
    refused = stack.run("redeploy", "reports", "--ref", "main")
    assert refused.returncode == 2
    assert f"Its code is in the image {NAMES['1']}" in refused.stdout + refused.stderr


def test_another_image_is_a_new_release_and_the_one_before_comes_back(stack: ClusterStack) -> None:
    to(stack, "2")
    assert "reports" in " ".join(stack.plan())
    stack.ok("deploy")
    assert stack.assets("reports") == ["second"]
    stack.ok("rollback", "reports")
    assert stack.assets("reports") == ["first"]


def test_an_image_that_can_not_be_imported_never_serves(stack: ClusterStack) -> None:
    to(stack, "bad")
    ended = stack.run("deploy")
    assert ended.returncode == 1
    assert "No module named 'nowhere'" in ended.stderr + ended.stdout
    assert stack.assets("reports") == ["first"]


def test_nor_does_one_that_nobody_has(stack: ClusterStack, tmp_path: Path) -> None:
    to(stack, "1", image="registry.test/reports:nosuch", startup_timeout_seconds=20)
    ended = stack.run("deploy")
    assert ended.returncode == 1
    assert "registry.test/reports:nosuch" in ended.stderr + ended.stdout
    assert stack.assets("reports") == ["first"]
