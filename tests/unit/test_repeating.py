"""Every command that is printed can be repeated as it stands, and acts on the stack that it is about."""

from __future__ import annotations

import ast
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from playground_ops.bootstrap import bootstrap, next_steps
from playground_ops.cli.main import LISTED, cli
from playground_ops.cli.repeating import COMMAND, NAMES, Repeating
from playground_ops.config import read
from playground_ops.core import messages
from tests.stacks import ROOT

PACKAGE = ROOT / "playground_ops"
HERE = Repeating(config=Path("my file.yaml"), target="kubernetes", context="kind-x")
GIVEN = " --config 'my file.yaml' --target kubernetes --context kind-x"


def texts(file: Path) -> Iterator[str]:
    """Yield all texts of a module but its docstrings; what is put into one is a name that is a number too."""
    tree = ast.parse(file.read_text())
    told = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "1" for one in node.values)
        elif isinstance(node, ast.Constant) and node not in told and id(node) not in parts:
            yield str(node.value)


def must_parse(command: str) -> None:
    """Raises click.UsageError for a command that its own parser does not take."""
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"], command
    found: click.Command = bootstrap if words[2] == "playground_ops.bootstrap" else cli
    words = words[3:]
    context = click.Context(found)
    while isinstance(found, click.Group):
        name, words = words[0], words[1:]
        inner = found.get_command(context, name)
        assert inner is not None, command
        found = inner
    found.make_context(command, words)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_every_command_in_a_sentence_is_one_that_its_parser_takes(file: Path) -> None:
    for text in texts(file):
        for found in COMMAND.finditer(HERE(text)):
            must_parse(found[0].strip("`").replace("NAME", "name"))


def test_all_commands_are_known() -> None:
    assert {name.partition(" ")[0] for name in NAMES} == set(LISTED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`redeploy a` removes it.", f"`python -m playground_ops redeploy a{GIVEN}` removes it."),
        ("Run `python -m playground_ops deploy` now.", f"Run `python -m playground_ops deploy{GIVEN}` now."),
        ("`python -m playground_ops.bootstrap` makes", f"`python -m playground_ops.bootstrap{GIVEN}` makes"),
        (
            "`python -m playground_ops.bootstrap --target kubernetes --context NAME` makes",
            f"`python -m playground_ops.bootstrap{GIVEN}` makes",
        ),
        ("`secret git NAME` anew", f"`python -m playground_ops secret git NAME{GIVEN}` anew"),
        ("`secret` without `url`; `health: tell:`", "`secret` without `url`; `health: tell:`"),
        ("launch the `deploy` job", "launch the `deploy` job"),
        (
            "`logs a`, `plan`",
            f"`python -m playground_ops logs a{GIVEN}`, `python -m playground_ops plan{GIVEN}`",
        ),
    ],
)
def test_a_command_is_given_the_options_of_the_one_that_prints_it(text: str, expected: str) -> None:
    assert HERE(text) == expected
    told = json.dumps({"fix": text, "line": 'a "quoted" \\ one'})
    assert json.loads(HERE.in_json(told)) == {"fix": expected, "line": 'a "quoted" \\ one'}


def test_kubectl_is_told_the_cluster_and_the_namespace(tmp_path: Path) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_text("kubernetes: {context: team, namespace: dagster-x}\n")
    here = Repeating(config=file)
    assert here("`kubectl get pods`") == "`kubectl --context team -n dagster-x get pods`"
    elsewhere = Repeating(config=file, context="other")
    assert elsewhere("`kubectl -n y get pods`") == "`kubectl --context other -n y get pods`"


@pytest.mark.parametrize("target", ["local", "kubernetes"])
def test_the_next_steps_after_a_bootstrap_act_on_what_it_made(target: str) -> None:
    found = read("code_locations: [{name: orders}, {name: sales}]", Path("configvalues.yaml"))
    with click.Context(bootstrap) as context:
        bootstrap.parse_args(context, ["--target", target, "--context", "kind-x"])
        told = next_steps(found, target)
    commands = [line.strip().partition("   ")[0] for line in told.splitlines() if "python -m" in line]
    assert any(" redeploy orders " in command for command in commands)
    assert len(commands) == (4 if target == "kubernetes" else 3)
    for command in commands:
        assert command.endswith(f"--target {target} --context kind-x") or "  " in command
        must_parse(command.partition("  ")[0])


def test_in_the_cluster_commands_stay_as_they_are_for_whoever_reads_them_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from playground_ops.cli.repeating import repeating

    monkeypatch.setenv(messages.LINES, "json")
    assert repeating()("`redeploy a` removes it") == "`redeploy a` removes it"
