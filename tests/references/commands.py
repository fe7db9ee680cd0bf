"""The page `docs/commands.md`: every command with its options, as click's own objects have them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from playground_ops.cli import console
from playground_ops.cli.main import cli
from playground_ops.cli.session import common
from tests.references.texts import constants_of

PATH = Path(__file__).parents[2] / "docs/commands.md"
PROGRAM = "playground-ops"
_EXITS = ("EXIT_FAILED", "EXIT_BAD_INPUT", "EXIT_CANCELLED", "EXIT_NOBODY_READS")
_HEAD = f"""\
# Commands

<!-- Written by `python -m tests.references` from the commands themselves: change those. -->

`{PROGRAM} COMMAND`, which is `python -m playground_ops COMMAND`. `-h` or `--help` behind a command tells the
same. What they print, and calls for CI, are told in [Command line](command-line.md).
"""


def text() -> str:
    return "\n".join([_HEAD, *_lines()]).rstrip() + "\n"


def _lines() -> Iterator[str]:
    context = click.Context(cli, info_name=PROGRAM)
    shared = {_option(one, context) for one in _common()}
    found = list(_commands(cli, context))
    yield from ("## Common options", "")
    alone = [name for name, command, below in found if not shared <= set(_options(command, below))]
    yield f"All commands take them, but for {', '.join(f'`{name}`' for name in alone)}."
    yield from ("", *_table("option", [_option(one, context) for one in _common()]), "")
    yield f"Of `{PROGRAM}` itself:"
    yield from ("", *_table("option", _options(cli, context)), "")
    yield from ("## Exit codes", "", *_table("code", _exit_codes()), "")
    for name, command, below in found:
        own = [one for one in _options(command, below) if one not in shared or name in alone]
        yield from (f"## `{name}`", "", f"```\n{PROGRAM} {name} {' '.join(_usage(command, below))}\n```", "")
        yield from (_help(command), "")
        if own:
            yield from (*_table("option", own), "")


def _commands(group: click.Group, above: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None, name
        below = click.Context(command, above, info_name=name)
        if isinstance(command, click.Group):
            for inner, found, context in _commands(command, below):
                yield f"{name} {inner}", found, context
        else:
            yield name, command, below


def _common() -> list[click.Parameter]:
    return click.command()(common(lambda: None)).params


def _usage(command: click.Command, context: click.Context) -> list[str]:
    return command.collect_usage_pieces(context)


def _options(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """Return the options; hidden ones are the program's own."""
    shown = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [_option(one, context) for one in shown]


def _option(option: click.Parameter, context: click.Context) -> tuple[str, str]:
    found = option.get_help_record(context)
    assert found, option.name
    return f"`{found[0]}`", " ".join(found[1].split())


def _exit_codes() -> list[tuple[str, str]]:
    told = constants_of(console)
    return [("0", "Done, or nothing to do."), *((str(getattr(console, one)), told[one]) for one in _EXITS)]


def _help(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def _table(first: str, rows: list[tuple[str, str]]) -> list[str]:
    lines = [f"| {' | '.join(one.replace('|', chr(92) + '|') for one in row)} |" for row in rows]
    return [f"| {first} | meaning |", "|---|---|", *lines]
