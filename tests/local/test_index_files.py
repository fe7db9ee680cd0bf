"""Which files are those of an index: uv keeps what it installs by the index's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground_ops.targets.packages.downloads import Downloads
from playground_ops.targets.packages.exact import Package
from playground_ops.targets.packages.indexes import Index, Indexes
from playground_ops.targets.packages.uv import Uv
from tests.local.watched_index import PASSWORD, USER, Watched, watched


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path / "files") as server:
        yield server


@pytest.fixture
def pages(tmp_path: Path, files: Watched) -> Iterator[Watched]:
    """Pages whose files lie on another server, as those of the public index."""
    with watched(tmp_path / "pages", login=True) as index:
        index.files_at = files.server
        yield index


def downloads(folder: Path, *indexes: Index) -> Downloads:
    return Downloads("environment/.", folder / "downloads", Indexes(indexes[0], indexes[1:]))


def test_files_of_an_index_may_lie_on_another_server(tmp_path: Path, pages: Watched, files: Watched) -> None:
    index = Index(pages.url, (USER, PASSWORD))
    for version in ("1.13.0", "1.13.1"):
        (pages.folder / f"dagster_pipes-{version}.tar.gz").touch()
    asked = downloads(tmp_path, index)
    assert asked.is_from(f"{files.server}/files/six-1.0-py3-none-any.whl", index)
    assert asked.is_from(f"{pages.server}/files/six-1.0-py3-none-any.whl", index), "its own server"
    assert not asked.is_from(f"{files.server}/others/six-1.0-py3-none-any.whl", index)
    assert not asked.is_from(f"{files.server}/files/../others/six-1.0-py3-none-any.whl", index)
    assert not asked.is_from("https://files.test/files/six-1.0-py3-none-any.whl", index)
    assert pages.seen == [("/simple/dagster-pipes/", f"{USER}:{PASSWORD}")], "asked once"
    assert files.seen == [], "of which nothing is asked"


def test_an_index_that_only_a_repository_names_is_not_asked(
    tmp_path: Path, pages: Watched, files: Watched
) -> None:
    (pages.folder / "dagster_pipes-1.13.0.tar.gz").touch()
    asked = downloads(tmp_path, Index("https://index.test/simple"))
    assert not asked.is_from(f"{files.server}/files/six-1.0-py3-none-any.whl", Index(pages.url))
    assert pages.seen == []


@pytest.mark.parametrize("page", ["", "<a>", '{"files": 1}', '{"files": [{}]}', "{"])
def test_where_the_page_does_not_tell_no_other_server_is_the_index_s(
    page: str, tmp_path: Path, pages: Watched, files: Watched
) -> None:
    index = Index(pages.url, (USER, PASSWORD))
    pages.page = page
    assert not downloads(tmp_path, index).is_from(f"{files.server}/files/six-1.0-py3-none-any.whl", index)
    assert len(pages.seen) == 1


def test_uv_tells_which_index_it_asks_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index.test/simple")
    settings = tmp_path / "uv.toml"
    settings.write_text('[[index]]\nurl = "https://settings.test/simple"\ndefault = true\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    told = Uv("environment/.").public_index()
    assert told.startswith("https://")
    assert ".test" not in told


@pytest.mark.parametrize(
    ("version", "file", "expected"),
    [
        ("1.0", "six-1.0-py3-none-any.whl", True),
        ("1.0", "six-1.1-py3-none-any.whl", False),
        ("1.0", "six-1.0.0-py3-none-any.whl", False),
        ("1.0", "seven-1.0-py3-none-any.whl", False),
        ("1.0", "six-1.0.tar.gz", False),
        ("no version", "six-1.0-py3-none-any.whl", False),
    ],
)
def test_a_file_is_a_package_s_by_its_name(version: str, file: str, expected: bool) -> None:
    assert Package("six", version, None).is_named(f"https://files.test/{file}") is expected
