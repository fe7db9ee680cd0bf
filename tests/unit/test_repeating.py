"""Every command that is printed can be repeated as it stands, and acts on the stack that it is about."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from playground_ops.cli.bootstrap_command import bootstrap, next_steps
from playground_ops.cli.console import print_json
from playground_ops.cli.main import LISTED, cli
from playground_ops.cli.repeating import KUBECTL, Repeating
from playground_ops.config import read
from playground_ops.core import messages
from playground_ops.core.commands import COMMAND, NAMES
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
    assert words[:3] == ["python", "-m", "playground_ops"], command
    found: click.Command = cli
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


KUBECTLS = {
    *("annotate", "config", "create", "describe", "exec", "get", "label", "port-forward", "scale"),
    "version",
}
UVS = {"auth", "cache", "lock", "python", "sync"}
UV = re.compile(r"`uv (?P<rest>[^`]*)`")
_PLACE = re.compile(r"^(?: ?(?:-n|--context) \S+)+ ?")
PLACEHOLDER = re.compile(r"<[a-z_-]+>|\b(?:YOUR|your)[-_]\w+")
PATTERNS = ("repeating.py", "commands.py")
"""Files with patterns of commands in place of commands."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_commands_of_others_are_ones_that_they_have(file: Path) -> None:
    """What is not known is a word in capitals; what starts this program is added when it is printed."""
    for text in texts(file) if file.name not in PATTERNS else ():
        for found in KUBECTL.finditer(text):
            assert _PLACE.sub("", found["rest"]).split()[0] in KUBECTLS, text
        if "starting" not in file.parts:
            for found in UV.finditer(text):
                assert found["rest"].split()[0] in UVS, text
        for found in re.finditer(r"`[^`]*`", text):
            assert not PLACEHOLDER.search(found[0]), text


def test_all_commands_are_known() -> None:
    assert {name.partition(" ")[0] for name in NAMES} == set(LISTED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`redeploy a` removes it.", f"`python -m playground_ops redeploy a{GIVEN}` removes it."),
        ("Run `python -m playground_ops deploy` now.", f"Run `python -m playground_ops deploy{GIVEN}` now."),
        ("`python -m playground_ops.bootstrap` makes", f"`python -m playground_ops bootstrap{GIVEN}` makes"),
        (
            "`python -m playground_ops.bootstrap --target kubernetes --context NAME` makes",
            f"`python -m playground_ops bootstrap{GIVEN}` makes",
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


def test_what_was_written_for_printing_once_stays_as_it_is() -> None:
    told = HERE("`history a` tells why; `python -m playground_ops deploy` mends it.")
    assert HERE(told) == told


def test_only_the_options_that_are_known_here_are_put_in_the_place_of_others() -> None:
    only_a_file = Repeating(config=Path("x.yaml"))
    assert only_a_file("`bootstrap --target kubernetes`") == (
        "`python -m playground_ops bootstrap --target kubernetes --config x.yaml`"
    )


def test_commands_begin_as_this_process_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repeating, "program", "uv run --project 'my stack' playground-ops")
    expected = f"`uv run --project 'my stack' playground-ops logs a{GIVEN}` shows it"
    assert HERE("`logs a` shows it") == expected
    assert json.loads(HERE.in_json(json.dumps({"fix": "`logs a` shows it"}))) == {"fix": expected}


def test_a_document_has_its_commands_in_its_own_sentences_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "`logs a` shows it"
    print_json({"findings": [{"fix": text, "evidence": text}], "subject": text})
    said = json.loads(capsys.readouterr().out)
    assert said["findings"] == [{"fix": "`python -m playground_ops logs a` shows it", "evidence": text}]
    assert said["subject"] == text


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
