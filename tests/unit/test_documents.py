"""The documentation: its links lead somewhere, its commands are taken, and the site is built strictly."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
import yaml

from playground_ops.cli.main import cli
from playground_ops.config import read
from tests.documents import DOCS, Served, anchors, blocks, commands, links, pages
from tests.session.deadlines import stretched
from tests.stacks import ROOT

PAGES = pages()
EXAMPLES = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "yaml"))
    if page.parent.name == "how-to" or page.name in ("tutorial.md", "deployments.md", "health.md")
]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        to = urlsplit(link)
        if to.scheme or to.netloc:
            assert to.scheme in ("https", "http"), link
            assert re.fullmatch(r"[\w.-]+(:\d+)?", to.netloc), link
            continue
        file = (page.parent / unquote(to.path)).resolve() if to.path else page
        assert file.exists(), f"{link}: no such file"
        assert DOCS not in page.parents or DOCS in file.parents, f"{link} leads out of the site"
        assert not to.fragment or to.fragment in anchors(file), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_is_one_that_its_parser_takes(page: Path) -> None:
    for command in commands(page):
        if not re.search(r"\bCOMMAND\b|\.\.\.|\[", command):
            must_be_taken(command)


def must_be_taken(command: str) -> None:
    words = shlex.split(re.sub(r"^(uv run |uvx )?(python -m playground_ops|playground-ops)", "", command))
    words = ["bootstrap", *words[1:]] if words[:1] == [".bootstrap"] else words
    found: click.Command = cli
    context = click.Context(found)
    while isinstance(found, click.Group) and words and words[0] != "--help":
        inner = found.get_command(context, words[0])
        assert inner is not None, f"{command}: no such command"
        found, words = inner, words[1:]
    if isinstance(found, click.Group):  # the program is named alone
        return
    try:
        found.make_context(command, words)
    except click.exceptions.Exit:
        pass  # --help
    except click.BadParameter as error:
        assert isinstance(error.param, click.Parameter), f"{command}: {error.format_message()}"
        assert isinstance(error.param.type, click.Path | click.File), f"{command}: {error.format_message()}"
    except click.UsageError as error:
        raise AssertionError(f"{command}: {error.format_message()}") from error


def test_a_command_that_is_not_there_is_found() -> None:
    for wrong in ("playground-ops redploy a", "uv run playground-ops redeploy --forse"):
        with pytest.raises(AssertionError):
            must_be_taken(wrong)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_a_configuration_without_faults(text: str) -> None:
    read(text, Path("configvalues.yaml"))


def test_the_test_command_of_the_readme_is_the_one_that_ci_runs() -> None:
    readme, script = (ROOT / "README.md").read_text(), (ROOT / ".ci/run").read_text()
    assert script.splitlines()[-1] == "uv run pytest"
    assert re.search(r"^uv run pytest +#", readme, re.MULTILINE)
    assert re.search(r"^uv run python -m playground_ops\.bootstrap +#", readme, re.MULTILINE)
    assert len(readme.splitlines()) <= 75, "a screen and a half"


def test_the_navigation_has_every_page() -> None:
    def files(entry: object) -> list[str]:
        inner = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
        return [entry] if isinstance(entry, str) else [file for one in inner for file in files(one)]

    listed = files(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="zensical needs Python 3.11")
def test_the_site_is_built_strictly_and_a_browser_that_shows_it_asks_nobody_else(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    site = tmp_path / "site"
    served = {file: Served() for file in site.rglob("*.html") if file.name != "404.html"}
    assert len(served) == len(list(DOCS.rglob("*.md")))
    for file, page in served.items():
        page.feed(file.read_text())
    wrong = [
        f"{file.relative_to(site)}: {link}"
        for file, page in served.items()
        for link in [*page.leads_to, *page.loads]
        if not leads_somewhere(file, link, served, loads=link in page.loads)
    ]
    assert wrong == []


def leads_somewhere(file: Path, link: str, served: dict[Path, Served], *, loads: bool) -> bool:
    to = urlsplit(link)
    if to.scheme or to.netloc:
        return not loads
    found = (file.parent / unquote(to.path)).resolve() if to.path else file
    found = found / "index.html" if found.is_dir() else found
    return found.exists() and (not to.fragment or found not in served or to.fragment in served[found].ids)
