"""Gives the JSON Schema of the configuration to whoever wants it beside a file. It opens no stack."""

from pathlib import Path

import click

import playground_ops
from playground_ops.cli.console import echo, print_document, print_json
from playground_ops.core.errors import BadInput, Finding, certain

FILE = Path(playground_ops.__file__).with_name("configvalues.schema.json")


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write it to, over what is there.  [default: print it]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def schema(output: Path | None, as_json: bool) -> None:
    """Print the JSON Schema by which an editor completes and checks the configuration."""
    text = FILE.read_text("utf-8")
    if output is None:
        print_document(text.rstrip())
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise BadInput(_unwritable(output, error)) from error
    if as_json:
        print_json({"file": str(output)})
    else:
        echo(f"Wrote {output}. In the first line of the configuration beside it:")
        echo(f"# yaml-language-server: $schema={output.name}")


def _unwritable(file: Path, error: OSError) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=f"It can't be written: {error.strerror}.",
        cause="Its folder is missing, it belongs to somebody else, or the disk is full.",
        fix="Name another one by --output.",
        whose="surroundings",
    )


COMMANDS = {"schema": schema}
