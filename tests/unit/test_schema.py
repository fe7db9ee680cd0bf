"""The JSON Schema for editors: it takes what the program takes, and refuses what a slip of the hand makes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ConfigDict, TypeAdapter, ValidationError

from playground_ops.cli import main
from playground_ops.config import read
from playground_ops.config.configuration import File
from playground_ops.config.document import document as parsed
from playground_ops.core.errors import BadInput
from tests.references import schema
from tests.references.examples import documents as shipped_documents
from tests.references.types import Typed, of_field
from tests.unit.test_config_properties import FAULTS, LOCATION_FAULTS, documents, shapes
from tests.unit.test_config_shipped import sections
from tests.unit.test_render import FILES

ROOT = Path(__file__).parents[2]
HERE = Path("/srv/stack/configvalues.yaml")
CHECK = Draft202012Validator(json.loads(schema.PATH.read_text()))
EXAMPLE = re.compile(r"```(?:yaml)?\n(.*?)```", re.DOTALL)


class Yaml12(yaml.SafeLoader):
    """Reads scalars as YAML 1.2 does, and so an editor: `on`, `yes` and dates are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}


for kind, pattern, first in (
    ("null", r"|~|null|Null|NULL", ["", "~", "n", "N"]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$"), first)


def faults(found: Any) -> list[str]:
    """Return the faults that an editor would show, by their paths."""
    return sorted(f"{'.'.join(map(str, one.path))}: {one.message}" for one in CHECK.iter_errors(found))


def faults_of(text: str) -> list[str]:
    """Return the faults of a text, whichever of the two versions of YAML it is read by."""
    return [*faults(parsed(text).content), *faults(yaml.load(text, Yaml12))]


def test_the_shipped_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(schema.PATH.read_text()))


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["schema", *arguments])
    return int(ended.value.code or 0), "".join(capsys.readouterr())


def test_a_command_prints_it_or_writes_it_over_an_older_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(capsys) == (0, schema.PATH.read_text())
    file = tmp_path / "older.json"
    file.write_text("{}")
    code, told = command(capsys, "--output", str(file))
    assert (code, file.read_text()) == (0, schema.PATH.read_text())
    assert told.splitlines()[-1] == "# yaml-language-server: $schema=older.json"
    assert json.loads(command(capsys, "--output", str(file), "--json")[1]) == {"file": str(file)}


def test_a_file_that_cannot_be_written_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = command(capsys, "--output", str(tmp_path / "nowhere/schema.json"))
    assert code == 2
    assert "nowhere/schema.json" in told
    assert "No such file or directory" in told


def test_the_shipped_file_names_it_in_its_first_line() -> None:
    line = (ROOT / "configvalues.yaml").read_text().splitlines()[0]
    assert line == "# yaml-language-server: $schema=playground_ops/configvalues.schema.json"
    assert (ROOT / line.partition("=")[2]) == schema.PATH


@pytest.mark.parametrize("text", shipped_documents())
def test_it_takes_the_shipped_file_with_each_of_its_examples(text: str) -> None:
    assert faults_of(text) == []


def examples_in_docs() -> list[Any]:
    """Return the blocks of the docs that are a configuration, as the program says."""
    pages = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    found = [
        (f"{page.relative_to(ROOT)}-{number}", example)
        for page in pages
        for number, example in enumerate(EXAMPLE.findall(page.read_text()))
    ]
    found += [(file.name, file.read_text()) for file in ROOT.glob("docs/examples/**/*.yaml")]
    return [pytest.param(text, id=name) for name, text in found if is_read(text)]


def is_read(text: str) -> bool:
    """Whether it is a configuration that the program takes; one with `...` in it is none."""
    try:
        return bool(read(text, HERE))
    except (BadInput, yaml.YAMLError, ValueError):
        return False


@pytest.mark.parametrize("text", examples_in_docs())
def test_it_takes_the_examples_of_the_docs(text: str) -> None:
    assert faults_of(text) == []


@settings(max_examples=25)
@given(documents | FILES)
def test_it_takes_what_the_program_takes(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document)
    if is_read(text):
        assert faults_of(text) == []


@settings(max_examples=25)
@given(shapes)
def test_it_takes_whatever_odd_document_the_program_takes(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document)
    if is_read(text):
        assert faults(parsed(text).content) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "webserver:\n",
        "code_locations:\nwebserver:\n  port:\n",
        "deployments: [{name: b, daemon: off}, {name: c, daemon: {enabled: no}}]",
        "code_locations: [{name: x, isolation: true}, {name: y, isolation: yes}, {name: z, egress: closed}]",
        "code_locations: [{name: x, automation: OFF, follow: On}, {name: y, automation: yes}]",
        "code_locations: [{name: 007, repo: {url: ., ref: 1.10}, room: 5}]",
        "code_locations: [{name: x, repo: ../pipelines, prepare: [make it, [python, -V, 3, true]]}]",
        "code_locations: [{name: x, environment: {A: 1, B: on, C: 2024-01-01, D: '', E: 1.5}}]",
        "code_locations: [&x {name: x, repo: .}, {<<: *x, name: y}]",
        "code_locations: []\nrun_queue: {max_concurrent_runs: -1}",
        "postgres: {backups: {schedule: '0 3 * * 1-5'}}\nrollout: {confirm_seconds: 0.5}",
        "images: {dagster: 'localhost:5000/a/b:1@sha256:" + "0" * 64 + "'}",
        "kubernetes: {packages: {index_url: 'https://pypi.internal/simple'}}",
    ],
)
def test_it_takes_each_short_form(text: str) -> None:
    assert is_read(text)
    assert faults_of(text) == []


WRONG = [
    ({key: value}, path) for key, path, value in FAULTS if (key, value) != ("ops", {"repo": {"ref": "main"}})
]
WRONG += [({"code_locations": [{"name": "x"} | {key: value}]}, path) for key, path, value in LOCATION_FAULTS]
BEYOND = ("repo.url", "isolation.quota", "isolation")
"""A placeholder, thousandths of a pod; and `"yes"` in quotes, which an editor can't tell from a boolean."""


@pytest.mark.parametrize(
    ("document", "path"),
    [
        *[one for one in WRONG if one[1] not in BEYOND],
        ({"target": None, "taget": "local"}, "taget"),
        ({"code_locations": {"name": "x"}}, "a list"),
        ({"code_locations": [{}]}, "name"),
        ({"code_locations": [None]}, "an empty entry"),
        ({"code_locations": [{"name": "webserver"}]}, "name"),
        ({"code_locations": [{"name": "x", "repo": "https://user:token@git.test/x.git"}]}, "repo"),
        ({"code_locations": [{"name": "x", "environment": {"DAGSTER_HOME": "/x"}}]}, "environment"),
        ({"code_locations": [{"name": "x", "environment": {"PLAYGROUND_X": "x"}}]}, "environment"),
        ({"code_locations": [{"name": "x", "must_keep": ["assets"]}]}, "must_keep"),
        ({"code_locations": [{"name": "x", "egress": "open"}]}, "egress"),
        ({"code_locations": [{"name": "x", "pod": {"resources": {"limits": {"ram": "1Gi"}}}}]}, "ram"),
        ({"code_locations": [{"name": "x", "pod": {"labels": {"app": "x"}}}]}, "labels"),
        ({"code_locations": [{"name": "x", "pod": {"affinity": {"podAfinity": {}}}}]}, "affinity"),
        ({"code_locations": [{"name": "x", "room": "4 GB"}]}, "room"),
        ({"deployments": [{"name": "main"}]}, "name"),
        ({"deployments": [{"name": "read-only-x"}]}, "name"),
        ({"health": {"interval_minutes": 61}}, "interval_minutes"),
        ({"health": {"tell": [{"variable": "X"}] * 21}}, "tell"),
        ({"webserver": {"port": "3000"}}, "port"),
        ({"postgres": {"external": {"host": "db", "parameters": {"ssl": "on"}}}}, "parameters"),
        ({"kubernetes": {"namespace": "Dagster"}}, "namespace"),
        ({"run_log_limit": True}, "run_log_limit"),
    ],
    ids=str,
)
def test_it_refuses_what_the_program_refuses(document: Any, path: str) -> None:
    assert not is_read(yaml.safe_dump(document)), path
    assert faults(document) != [], path


def leaves(of: Typed) -> list[Typed]:
    """Return the types of texts in a type that have a shape: its own, or those of items, keys and values."""
    inner = [leaf for one in of.inner for leaf in leaves(one)] if of.is_list or of.is_mapping else []
    return [*inner, *([of] if of.plain is str and of.shapes else [])]


TEXTS = {
    repr(leaf.shapes): leaf
    for section in sections(File)
    for field in section.model_fields.values()
    for leaf in leaves(of_field(field))
}
PIECES = (
    "a|Z|0|-|_|.|/|:|@|%|*|?| |\n|é|~|,|x.git|https://|HTTP://|git@|requests.|cpu|memory|hugepages-|.txt"
    "|/.|..|pylock.|.toml|uv.lock|10.0|/8|::1|0/5|* |1-5|Gi|m|sha256:|read-only-|app|PLAYGROUND_|"
    "example|null|a/b|ops"
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(TEXTS)), st.lists(st.sampled_from(PIECES.split("|")), max_size=7).map("".join))
def test_a_text_that_a_rule_takes_fits_its_shape(name: str, text: str) -> None:
    rule = TypeAdapter(Annotated[(str, *TEXTS[name].beside)], config=ConfigDict(strict=True))
    try:
        rule.validate_python(text)
    except ValidationError:
        return
    of_shape = schema.Made().value(TEXTS[name])
    assert Draft202012Validator(of_shape).is_valid(text), of_shape


def test_its_patterns_are_read_alike_by_python_and_by_javascript() -> None:
    """No groups with flags, no classes that are wider in Python, no escapes that `u` forbids."""
    found = set(re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', schema.PATH.read_text()))
    assert found
    for pattern in map(json.loads, (f'"{one}"' for one in found)):
        assert not re.search(r"\(\?(?![:!=])|\\[wWdDbBAZ]|\\-", pattern), pattern


def keys(found: Any) -> list[tuple[str, Any]]:
    inner = [pair for value in found.values() if isinstance(value, dict) for pair in keys(value)]
    return [*found.get("properties", {}).items(), *inner] if "properties" in found else inner


def test_every_key_says_what_it_is_for() -> None:
    told = [(key, one) for key, one in keys(schema.schema()) if not key[0].isupper() and key.islower()]
    assert len(told) > 150
    for key, one in told:
        assert one["description"][:1].strip(), key
        assert "](" not in one["description"], key


@settings(max_examples=15)
@given(st.sampled_from(shipped_documents()), st.integers(0, 10_000))
def test_a_key_that_is_misspelled_anywhere_is_refused(text: str, where: int) -> None:
    lines = text.splitlines()
    places = [index for index, line in enumerate(lines) if re.match(r" *(- )?[a-z_]+:( |$)", line)]
    chosen = places[where % len(places)]
    lines[chosen] = re.sub(r"([a-z_]+:)", r"zz\1", lines[chosen], count=1)
    changed = "\n".join(lines)
    assert not is_read(changed)
    assert faults_of(changed) != []
