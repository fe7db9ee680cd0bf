"""Images that hold the code of a location: the stock one and one more file. One asset each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.images import dagster
from tests.cluster.images.catalog import catalog
from tests.cluster.images.layered import layered

MODULE = "reports"
CODE = "from dagster import asset\n\n\n@asset\ndef {name}(): ...\n"
ASSETS = ("first", "second")


@contextmanager
def imported(cluster: Cluster, folder: Path, owner: str) -> Iterator[list[str]]:
    """Yield names that are unique to the owner, who removes the images when done with them."""
    node = cluster.node("node1")
    (base,) = [image.archive() for image in catalog() if image.name == dagster.name()]
    made = {asset: f"registry.test/{owner}:{asset}" for asset in ASSETS}
    for asset, name in made.items():
        out = folder / f"{asset}.tar"
        layered(out, base, name, {f"/opt/dagster/app/{MODULE}.py": CODE.format(name=asset)})
        node.ctr("images", "import", out)
        out.unlink()
    yield [*made.values()]
    for name in made.values():
        node.ctr("images", "rm", name)
