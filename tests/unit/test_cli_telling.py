"""How a rollout's progress is displayed: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import click
import pytest

from playground_ops.cli.main import LISTED, cli
from playground_ops.core.commands import ALONE
from tests.session.deadlines import stretched
from tests.stacks import ROOT

FILE = "code_locations: [{name: orders, repo: {url: https://git.test/pipelines, ref: main}}]\n"
CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def on_a_terminal(
    folder: Path, kind: str, *command: str, known: Mapping[str, str] = MappingProxyType({}), more: str = ""
) -> tuple[str, str]:
    """Return standard output, which is a pipe, and what was sent to the terminal that is standard error."""
    (folder / "file.yaml").write_text(FILE + more)
    environ = {**os.environ, "PLAYGROUND_CONFIG": str(folder / "file.yaml"), "TERM": kind, "COLUMNS": "60"}
    ours, theirs = pty.openpty()
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fake_command", json.dumps(dict(known)), str(folder), *command],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            timeout=stretched(60),
            check=True,
        )
        os.write(theirs, b"END")
        sent = b""
        while not sent.endswith(b"END"):
            sent += os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    return ended.stdout, sent.decode().removesuffix("END")


def test_a_terminal_has_a_live_line_which_is_gone_at_the_end(tmp_path: Path) -> None:
    out, sent = on_a_terminal(tmp_path, "xterm", "redeploy", "orders")
    assert "orders starting for 0 s" in sent
    assert sent.endswith("\r\x1b[K")
    lines = [line for line in CONTROL.sub("", sent).splitlines() if "switching: orders" in line]
    assert len(lines) == 1, "each line of the story stands once"
    assert not CONTROL.search(out)


def test_a_watch_counts_down_on_the_live_line(tmp_path: Path) -> None:
    short = "rollout: {confirm_seconds: 1}"
    out, sent = on_a_terminal(
        tmp_path, "xterm", "redeploy", "orders", known={"serving": "orders"}, more=short
    )
    assert re.search(r"orders watching, [01] s left \(Ctrl-C leaves it\)", sent)
    assert len(re.findall(r"^orders: release 2 serves 0{10}", out, re.MULTILINE)) == 1


@pytest.mark.parametrize(("kind", "option"), [("dumb", ""), ("xterm", "--json")])
def test_there_is_none_on_a_dumb_terminal_nor_with_json(tmp_path: Path, kind: str, option: str) -> None:
    out, sent = on_a_terminal(tmp_path, kind, "redeploy", "orders", *filter(None, [option]))
    assert not CONTROL.search(sent + out)
    if option:
        assert sent == ""
        assert json.loads(out)["rollouts"][0]["outcome"] == "done"


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    context = click.Context(cli)
    for name, listed in LISTED.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(limit=200).rstrip(".") == listed.summary.rstrip(".")


def test_every_command_takes_the_common_options() -> None:
    context = click.Context(cli)
    commands = [cli.get_command(context, name) for name in LISTED if name not in ALONE]
    for command in commands:
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        for one in inner:
            assert {"config", "target", "as_json"} <= {option.name for option in one.params}, one.name
