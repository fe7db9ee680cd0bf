"""Variables from files: read at each rollout, compared by what they hold, and never shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.cli.main import cli, main
from playground_ops.config import Configuration, digest, load
from playground_ops.config.digest import with_what_ops_sees
from playground_ops.config.unsupported import must_fit
from playground_ops.core import known_secrets, redact
from playground_ops.core.errors import BadInput, PlaygroundError
from playground_ops.core.model import Location
from playground_ops.diagnose.server_log import explain_exit
from playground_ops.diagnose.variables import missing_variable
from playground_ops.targets.local import environment_files, logs, processes
from playground_ops.targets.local.folder import StateFolder
from playground_ops.targets.local.processes import ProcessSpec

TEXT = """
environment_file: stack.env
code_locations:
  - {name: a, environment_file: secrets/a.env, environment: {LEVEL: debug}}
  - {name: b}
"""
OF_STACK = "SHARED=one\nTOKEN=of-the-stack\n"
OF_A = "# a comment\nexport TOKEN='hunter2 # no comment'\nURL=postgres://$x:${y}@db\nEMPTY=\n"


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_secrets, "_known", frozenset())
    monkeypatch.setattr(known_secrets, "_forms", ())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "stack.env").write_text(OF_STACK)
    (tmp_path / "secrets" / "a.env").write_text(OF_A)
    for path in (tmp_path / "stack.env", tmp_path / "secrets" / "a.env"):
        path.chmod(0o600)
    path = tmp_path / "configvalues.yaml"
    path.write_text(TEXT)
    return path


def located(configuration: Configuration, name: str) -> Location:
    return next(one for one in configuration.all_locations if one.name == name)


def digests(file: Path) -> dict[str, str]:
    found = environment_files.with_content(load(file), file.parent / "state")
    return {one.name: digest(one) for one in found.all_locations}


def test_a_locations_own_file_lies_over_that_of_the_stack_and_values_are_as_they_stand(file: Path) -> None:
    found = load(file)
    assert environment_files.given(located(found, "a")) == {
        "SHARED": "one",
        "TOKEN": "hunter2 # no comment",
        "URL": "postgres://$x:${y}@db",
        "EMPTY": "",
    }
    for name in ("b", "ops"):
        assert environment_files.given(located(found, name)) == {"SHARED": "one", "TOKEN": "of-the-stack"}


def test_a_change_of_the_content_is_one_of_the_configuration_and_a_comment_is_none(file: Path) -> None:
    before = digests(file)
    assert digests(file) == before, "by the same key"
    own = file.parent / "secrets" / "a.env"
    own.write_text(f"\ufeff{OF_A}\r\n# another comment\r\n")
    assert digests(file) == before
    own.write_text(OF_A.replace("hunter2", "hunter3"))
    after = digests(file)
    assert {name for name in before if before[name] != after[name]} == {"a"}
    (file.parent / "stack.env").write_text(OF_STACK.replace("one", "two"))
    assert all(one != after[name] for name, one in digests(file).items())


def test_without_a_file_nothing_changes(file: Path) -> None:
    file.write_text("code_locations: [{name: a}]")
    assert digests(file) == {one.name: digest(one) for one in load(file).all_locations}


def test_what_is_kept_does_not_tell_the_value(file: Path) -> None:
    """The hash depends on a key, which lies beside and is only its owner's: no list of words finds it."""
    state = file.parent / "state"
    found = located(environment_files.with_content(load(file), state), "a")
    other = located(environment_files.with_content(load(file), file.parent / "another"), "a")
    assert found.environment_content != other.environment_content
    assert re.fullmatch("[0-9a-f]{16}", found.environment_content)
    assert "hunter2" not in found.model_dump_json()
    key = state / environment_files.KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    assert not list(state.glob(f".{environment_files.KEY_FILE}*")), "nothing is left of making it"


def test_all_faults_are_told_at_once_by_file_and_line_and_no_value_with_them(file: Path) -> None:
    (file.parent / "stack.env").unlink()
    own = file.parent / "secrets" / "a.env"
    own.write_text("A=1\n\nB = 'not closed\nPLAYGROUND_X=hunter2\nNAME_ALONE\n9LIVES=hunter2\n")
    with pytest.raises(BadInput) as caught:
        environment_files.must_be_readable(load(file).all_locations)
    told = [(one.object, one.observed) for one in caught.value.findings]
    assert told == [
        (f"file/{file.parent / 'stack.env'}", "It can't be read: No such file or directory."),
        (f"file/{own}", "It is no `NAME=value`, at line 3."),
        (f"file/{own}", "`PLAYGROUND_X` can't be a name here, at line 4."),
        (f"file/{own}", "`NAME_ALONE` has no value, at line 5."),
        (f"file/{own}", "`9LIVES` can't be a name here, at line 6."),
    ]
    assert "hunter2" not in str(caught.value)
    with pytest.raises(PlaygroundError) as caught_too:
        environment_files.given(located(load(file), "a"))
    assert not any(one.rejects for one in caught_too.value.findings), "the commit is not at fault"
    assert (
        located(environment_files.with_content(load(file), file.parent / "state"), "a").environment_content
        == ""
    )


def test_validate_tells_them_and_who_else_can_read_the_file(file: Path) -> None:
    (file.parent / "stack.env").chmod(0o644)
    ended = CliRunner().invoke(cli, ["validate", "--config", str(file)])
    assert ended.exit_code == 0
    assert ended.output.count("can be read by other users") == 1
    assert f"chmod 600 {file.parent / 'stack.env'}" in ended.output
    (file.parent / "stack.env").unlink()
    with pytest.raises(SystemExit, match="2"):
        main(["validate", "--config", str(file)])


def test_on_kubernetes_each_is_refused_with_what_does_it_there(file: Path) -> None:
    with pytest.raises(BadInput) as caught:
        must_fit(load(file), "kubernetes")
    first, second = caught.value.findings
    assert first.object == "configvalues.yaml:environment_file"
    assert second.object == "configvalues.yaml:code_locations[0].environment_file"
    assert "--from-env-file" in second.fix
    assert "`code_locations[0].pod: environment_from_secrets: [NAME]`" in second.fix
    must_fit(load(file), "local")


VALUES = (
    st.text("abcxyzABC0189+/=%\"'\\ äß", min_size=8, max_size=40)
    .map(str.strip)
    .filter(
        lambda value: len(value) > 7 and not value.isalpha() and not value.isdecimal() and value[0] != "/"
    )
)


@given(VALUES)
def test_a_value_is_masked_wherever_it_is_said(value: str) -> None:
    redact.learn([value])
    try:
        for said in (value, repr({"x": value}), json.dumps({"x": value}), f"https://db/?q={value}"):
            assert value not in redact.redact(f"KeyError: nobody knows {said} here")
    finally:
        known_secrets.forget_all()


def test_a_short_or_ordinary_one_is_not_for_it_is_a_part_of_words() -> None:
    redact.learn(["1", "on", "info", "true", ""])
    assert redact.redact("1 on info true") == "1 on info true"


def test_values_of_a_process_are_known_to_whoever_opens_the_stack_and_are_in_no_report(
    tmp_path: Path,
) -> None:
    spec = ProcessSpec("a-1", ("python",), "/", {"A": "1"}, secrets={"TOKEN": 'hunt"er}2', "PIN": "7"})
    processes.write_spec(tmp_path, spec)
    assert processes.read_spec(tmp_path, "a-1") == spec
    assert list(processes.secrets_of(tmp_path)) == ['hunt"er}2', "7"]
    (text,) = [text for name, text in logs.collect(StateFolder(tmp_path)) if "processes" in name]
    assert json.loads(text)["secrets"] == "***"
    assert json.loads(text)["argv"] == ["python"]
    (tmp_path / "processes" / "b-1.json").write_text("{")
    assert list(processes.secrets_of(tmp_path)) == ['hunt"er}2', "7"]


LOOKED_UP = """\
Traceback (most recent call last):
  File "/x/site-packages/dagster/_grpc/server.py", line 1, in load
  File "/srv/{commit}/shop/definitions.py", line 3, in <module>
    TOKEN = os.environ['AB_API_TOKEN']
            ~~~~~~~~~~^^^^^^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'AB_API_TOKEN'
""".replace("{commit}", "a" * 40)


@pytest.mark.parametrize(
    ("message", "excerpt", "name"),
    [
        ("KeyError: 'AB_API_TOKEN'", LOOKED_UP, "AB_API_TOKEN"),
        ("KeyError: 'column'", "rows['column']", None),
        ("X: Environment variable TOKEN is not set and no default value was provided.", "", "TOKEN"),
        ('X: You have attempted to fetch the environment variable "TOKEN" which is not set.', "", "TOKEN"),
        ("Exception: Tried to load environment variable TOKEN, but it was not set", "", "TOKEN"),
        ("X: Parsing Error\n  Env var required but not provided: 'TOKEN'", "", "TOKEN"),
        ("ValueError: the environment is wrong", "", None),
    ],
)
def test_a_missing_variable_is_known_by_what_is_said(message: str, excerpt: str, name: str | None) -> None:
    assert missing_variable(message, excerpt) == name


def test_it_is_told_by_name_with_since_when_the_environment_is_and_what_renews_it() -> None:
    found = explain_exit("release/a-3", "exit code 1", LOOKED_UP)
    assert "KeyError: 'AB_API_TOKEN' (at shop/definitions.py, line 3)" in found.observed
    assert "environment_from_secrets" in found.fix
    assert not found.rejects, "the same commit may be tried again once the variable is there"
    here = environment_files.of_this_shell(found, LOOKED_UP, lambda: "2030-01-01 10:00:00 UTC")
    assert "AB_API_TOKEN" in here.cause
    assert "at 2030-01-01 10:00:00 UTC" in here.cause
    assert "`environment_file:`" in here.fix and "`down`" in here.fix
    other = explain_exit("release/a-3", "exit code 1", "ValueError: no\n")
    assert environment_files.of_this_shell(other, "ValueError: no\n", lambda: None) == other


def test_what_ops_sees_keeps_its_files(file: Path) -> None:
    assert with_what_ops_sees(load(file)).ops.environment_files == (str(file.parent / "stack.env"),)


def test_a_home_that_nobody_has_is_a_fault_of_the_file(file: Path) -> None:
    file.write_text("environment_file: ~nobody-of-this-name/stack.env\n")
    with pytest.raises(BadInput, match="the folder it begins with can't be found"):
        load(file)
