"""Makes a folder with a stack's configuration, and what pins and runs this program."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import click

import playground_ops
from playground_ops.cli.console import echo, print_json
from playground_ops.cli.invocation import this_program_in_a_new_folder
from playground_ops.config import read
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.places import shipped
from playground_ops.starting.files import CONFIGURATION, SCHEMA, Wanted, files
from playground_ops.starting.workflows import Forge
from playground_ops.version import __version__

Target = Literal["local", "kubernetes"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--repo", help="The git repository of location `a`; without one it serves a small package.")
@click.option("--ref", default="main", show_default=True, help="The branch or tag of it.")
@click.option("--subdirectory", help="The project's folder in it.  [default: the root]")
@click.option("--target", type=click.Choice(["local", "kubernetes"]), help="Where it runs.  [default: local]")
@click.option("--context", help="On Kubernetes: the kubeconfig's context.")
@click.option("--ci", type=click.Choice(["github", "gitlab", "gitea"]), help="Also a workflow that deploys.")
@click.option("--yes", is_flag=True, help="Ask nothing; questions are asked on a terminal alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def init(
    folder: Path,
    repo: str | None,
    ref: str,
    subdirectory: str | None,
    target: Target | None,
    context: str | None,
    ci: Forge | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Make FOLDER: a configuration, and what runs the stack that it describes. Overwrites nothing."""
    name = folder.absolute().name
    wanted = Wanted(name, __version__, target or "local", context, repo, ref, subdirectory, ci)
    if not (yes or as_json) and _is_asking():
        wanted = _asked(wanted, target)
    schema = Path(playground_ops.__file__).with_name(SCHEMA)
    made = files(wanted, shipped(CONFIGURATION).read_text("utf-8"), schema.read_text("utf-8"))
    _write(folder, made)
    if as_json:
        print_json({"folder": str(folder), "files": list(made)})
        return
    for file in made:
        echo(f"Wrote {folder / file}.")
    for line in (
        "",
        "Next:",
        f"  cd {shlex.quote(str(folder))}",
        f"  {this_program_in_a_new_folder()} bootstrap",
    ):
        echo(line)


def _is_asking() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked(wanted: Wanted, target: Target | None) -> Wanted:
    """Return it with what a person at a terminal answers; what was given is not asked."""
    if wanted.repository is None:
        text = "Git repository of your Dagster project (empty: a small package, to look around)"
        if repository := click.prompt(text, default="", show_default=False):
            wanted = replace(
                wanted, repository=repository, ref=click.prompt("Its branch", default=wanted.ref)
            )
            below = click.prompt("The project's folder in it", default=".")
            wanted = replace(wanted, subdirectory=None if below == "." else below)
    if target is None:
        where = click.prompt("Where it runs", default="local", type=click.Choice(["local", "kubernetes"]))
        wanted = replace(wanted, target="kubernetes" if where == "kubernetes" else "local")
    if wanted.target == "kubernetes" and wanted.context is None:
        text = "Context of the cluster, of `kubectl config get-contexts` (empty: named by each command)"
        wanted = replace(wanted, context=click.prompt(text, default="", show_default=False) or None)
    return wanted


def _write(folder: Path, made: Mapping[str, str]) -> None:
    """Write all of them, or none. Raises BadInput: a fault of what was given, or a file in the way."""
    read(made[CONFIGURATION], folder / CONFIGURATION)
    in_the_way = [one for name in made if (one := folder / name).is_symlink() or one.exists()]
    if in_the_way:
        raise BadInput(*map(_in_the_way, in_the_way))
    try:
        for name, text in made.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise BadInput(_unwritable(folder, error)) from error


def _in_the_way(path: Path) -> Finding:
    return certain(
        object=f"file/{path}",
        observed="It is there already.",
        cause="A stack was made here before, or the folder has a project of its own.",
        fix="Name another folder, or move the file away. Nothing was written.",
    )


def _unwritable(folder: Path, error: OSError) -> Finding:
    return certain(
        object=f"folder/{folder}",
        observed=f"It can't be written: {error.strerror or error}.",
        cause="It belongs to somebody else, the disk is full, or a file is in its way.",
        fix="Name another folder.",
        whose="surroundings",
    )


COMMANDS = {"init": init}
