"""Commands about the configuration file alone: validate, generate. They open no stack."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from playground_ops.cli.console import echo, print_document, print_json, say
from playground_ops.cli.progress import write_error
from playground_ops.cli.session import common
from playground_ops.config import Configuration, collisions
from playground_ops.config.deployment_notes import notes
from playground_ops.config.unsupported import exposed, ignored, must_fit, named_files
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.places import code_folder, home, load_configuration


@click.command()
@common
def validate(config: Path | None, target: str | None, as_json: bool) -> None:
    """Check the configuration file; every fault at once."""
    configuration = load_configuration(config)
    names = [location.name for location in configuration.locations]
    chosen = target or configuration.target
    must_fit(configuration, chosen)
    warnings = [*ignored(configuration, chosen), *exposed(configuration, chosen), *notes(configuration)]
    warnings += collisions.told(configuration)
    note = collisions.apart(configuration)
    if chosen == "local" and named_files(configuration):
        from playground_ops.targets.local import environment_files

        environment_files.must_be_readable(configuration.all_locations)
        warnings += dict.fromkeys(
            told for one in configuration.all_locations for told in environment_files.open_to_others(one)
        )
    if as_json:
        found = {"file": configuration.source, "locations": names, "warnings": warnings}
        print_json({**found, "notes": [note] if note else []})
    else:
        for warning in warnings:
            write_error(f"warning: {warning}\n")
        echo(f"{configuration.source}: good. Locations: {', '.join(names)}.")
        if note:
            say(note)


@click.command()
@click.option("--force", is_flag=True, help="Overwrite files that were edited.")
@click.option("--archive", is_flag=True, help="Print the ConfigMap with this project's code instead.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.  [default: deploy/ beside the configuration]",
)
@common
def generate(
    config: Path | None, target: str | None, as_json: bool, force: bool, output: Path | None, archive: bool
) -> None:
    """Write the stack's Kubernetes objects to deploy/, one file a component."""
    from playground_ops.render import files
    from playground_ops.render.stack import by_hand

    configuration = load_configuration(config)
    if archive:
        print_document(_archive(configuration))
        return
    folder = output or home(configuration) / "deploy"
    wanted = files.files(by_hand(configuration), Path(configuration.source).name)
    found = files.compare(wanted, _texts(folder))
    if found.edited and not force:
        raise BadInput(*(_edited(folder / name) for name in found.edited))
    _write(folder, found.write, found.delete)
    if as_json:
        print_json({"folder": str(folder), "written": sorted(found.write), "deleted": list(found.delete)})
    else:
        for name in sorted(found.write):
            echo(f"Wrote {folder / name}.")
        for name in found.delete:
            echo(f"Deleted {folder / name}.")
        echo(f"{len(wanted)} files, {len(found.write)} written, {len(found.delete)} deleted.")


def _archive(configuration: Configuration) -> str:
    """Return the archive, named as the Job in deploy/ expects. It may be replaced: a Job reads it once."""
    from playground_ops.render.jobs import HANDED_OVER
    from playground_ops.targets.kubernetes.releases.archive import archive

    made = archive(code_folder(), configuration.kubernetes.namespace)
    made["metadata"] |= {"name": HANDED_OVER}
    return json.dumps({key: value for key, value in made.items() if key != "immutable"}, indent=1)


def _texts(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {path.name: path.read_text(errors="replace") for path in folder.glob("*.yaml")}


def _write(folder: Path, write: Mapping[str, str], delete: Sequence[str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in write.items():
            (folder / name).write_text(text)
        for name in delete:
            (folder / name).unlink()
    except OSError as error:
        raise BadInput(_unwritable(folder, error)) from error


def _edited(path: Path) -> Finding:
    return certain(
        object=f"file/{path}",
        observed="It is not as `generate` left it.",
        cause="Somebody edited it, or it was never made by `generate`.",
        fix="Bring the change into the configuration file, or overwrite it with --force.",
    )


def _unwritable(folder: Path, error: OSError) -> Finding:
    return certain(
        object=f"folder/{folder}",
        observed=f"It can't be written: {error.strerror}.",
        cause="It belongs to somebody else, the disk is full, or a file is in its way.",
        fix="Name another one by --output.",
    )


COMMANDS = {"validate": validate, "generate": generate}
