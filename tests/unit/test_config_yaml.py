"""What YAML and editors do to a file: it is read as a person means it, or refused with a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from playground_ops.config import Configuration, load, read
from playground_ops.core.errors import BadInput
from tests.session.deadlines import stretched

HERE = Path("/srv/stack/configvalues.yaml")


def parse(text: str) -> Configuration:
    """Parse without the text itself, to compare by meaning."""
    return read(text, HERE).model_copy(update={"text": ""})


def refused(text: str) -> str:
    with pytest.raises(BadInput) as raised:
        parse(text)
    return str(raised.value)


@pytest.mark.parametrize(
    "ref", ["1.10", "0123456", "0x1F", "12345678e1234567890", "1_0", "2024-01-01", "0" * 40, "9" * 5000, "="]
)
def test_a_ref_that_yaml_takes_for_something_else_is_read_as_written(ref: str) -> None:
    (found,) = parse(f"code_locations: [{{name: x, repo: {{url: /x, ref: {ref}}}}}]").locations
    assert found.ref == ref


@pytest.mark.parametrize(("written", "meant"), [("on", "on"), ("off", "off"), ("yes", "on"), ("No", "off")])
def test_automation_is_on_or_off_however_yaml_reads_it(written: str, meant: str) -> None:
    for value in (written, f"'{meant}'"):
        (found,) = parse(f"code_locations: [{{name: x, automation: {value}}}]").locations
        assert found.automation == meant


def test_a_name_that_yaml_takes_for_a_boolean_is_to_be_quoted() -> None:
    assert "Put it in quotes" in refused("code_locations: [{name: on}]")
    assert parse("code_locations: [{name: 'on'}]").locations[0].name == "on"


def test_names_are_compared_as_written() -> None:
    assert "a second time" in refused("code_locations: [{name: 1}, {name: '1'}]")


def test_keys_are_text_as_written() -> None:
    said = refused("on: 1\n~: 1\n1: 1\n2024-01-01: 1")
    assert all(f"the unknown key `{key}`" in said for key in ("on", "~", "1", "2024-01-01"))


def test_values_of_the_environment_are_text_as_written() -> None:
    text = "code_locations: [{name: x, environment: {A: 1.10, B: 007, C: yes, D: 2024-01-01, E: ''}}]"
    assert parse(text).locations[0].environment == {
        "A": "1.10",
        "B": "007",
        "C": "true",
        "D": "2024-01-01",
        "E": "",
    }


def test_a_key_that_stands_twice_is_told_with_every_other_fault() -> None:
    said = refused("webserver: {port: 80, port: 81}\nhealth: {interval_minutes: 0}\nhealth: {}")
    assert "webserver.port: Found the key `port` a second time at line 1" in said
    assert "health: Found the key `health` a second time at line 3" in said
    assert "health.interval_minutes: Found `0`" in said


def test_anchors_and_merge_keys_work_and_what_stands_there_wins() -> None:
    a, b = parse(
        """
        code_locations:
          - &first {name: a, repo: /x, module: m, environment: {A: "1"}}
          - <<: *first
            name: b
            module: n
        """
    ).locations
    assert (b.name, b.repository, b.module) == ("b", "/x", "n")
    assert b.environment == a.environment


def test_a_fault_in_what_was_merged_is_told_in_each_place() -> None:
    said = refused("code_locations:\n - &first {name: a, modul: m}\n - <<: *first\n   name: b\n")
    assert "code_locations[0].modul" in said
    assert "code_locations[1].modul" in said
    assert "`<<` with no mapping" in refused("webserver: {<<: 1}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "line"),
        ("webserver:\n\tport: 80", "Indent line 2 by spaces"),
        ("target: local\n---\ntarget: local", "another document"),
        ("a: *nothing", "undefined alias"),
        ("a: &x [*x]", "the very thing that it stands in"),
        ("&x\ntarget: *x", "the very thing that it stands in"),
        ("? [a]\n: 1", "a key that is no text"),
        ("webserver: !!set {host, port}", "the tag `!!set`"),
        ("target: !!python/object/apply:os.system [x]", "Remove the tag"),
        ("target: \x00", "control characters"),
        ("target: '\ud800'", "surrogates"),
        ("x" * 600_000, "more than 500000 characters"),
        ("[" * 100_000, "levels of nesting"),
        ("a: " + "{a: " * 5000 + "}" * 5000, "levels of nesting"),
        ("a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n},' * 10}]\n" for n in range(9)), "values"),
    ],
)
def test_what_is_no_usable_yaml_is_refused_at_once_with_a_sentence(text: str, told: str) -> None:
    said = refused(text)
    assert told in said
    assert len(said) < 1000


def test_null_means_the_default() -> None:
    assert parse("webserver:\nhealth:\ncode_locations:\nenvironment:\n") == parse("")
    assert parse("webserver: {host: , port: }\nrollout: {confirm_timeout_seconds: }") == parse("")
    assert parse("environment: {repo_url_a: , repo_ref_a: }") == parse("")


@pytest.mark.parametrize("text", ["webservr:", "webserver: {prt: }", "environment: {FOO: }"])
def test_null_does_not_hide_an_unknown_key(text: str) -> None:
    assert "unknown key" in refused(text)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null", "{}", "\ufeff"])
def test_an_empty_file_is_the_defaults(text: str) -> None:
    assert [location.name for location in parse(text).locations] == ["a", "b"]


def test_what_windows_editors_leave_is_read(tmp_path: Path) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_bytes(b"\xef\xbb\xbfwebserver:\r\n  port: 3001\r\n")
    assert load(file).webserver.port == 3001
    assert parse("\ufeffwebserver:\r\n  port: 3001\r\n").webserver.port == 3001


@pytest.mark.parametrize("content", ["a: b".encode("utf-16"), b"target: local\nb: \xc3\x28"])
def test_a_file_that_is_not_utf8_is_named_with_the_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_bytes(content)
    with pytest.raises(
        BadInput, match=r"configvalues\.yaml: .* not UTF-8 at line \d.* Save the file as UTF-8"
    ):
        load(file)


def test_a_file_is_read_as_utf8_whatever_the_locale(tmp_path: Path) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_text("code_locations: [{name: x, environment: {A: grün}}]", encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from playground_ops.config import load\n"
        "print(ascii(load(Path(sys.argv[1])).locations[0].environment['A']))"
    )
    ended = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code, str(file)],
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )
    assert ended.stdout.strip() == "'gr\\xfcn'", ended.stderr


def test_a_file_that_is_not_there_or_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path, tmp_path / "a\0b", tmp_path / ("x" * 300)):
        with pytest.raises(BadInput, match="no readable file"):
            load(path)
    with pytest.raises(BadInput, match="more than 500000"):
        load(Path("/dev/zero"))
