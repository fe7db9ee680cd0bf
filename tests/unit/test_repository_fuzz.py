"""Random repositories: whatever their files are and hold, reading them ends, and a refusal has a sentence."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground_ops.core.errors import PlaygroundError
from playground_ops.targets.common.declared import Selection
from playground_ops.targets.common.project import read_project
from tests.unit.test_repository_files import read_all

PYPROJECT: dict[str, Any] = {
    "project": {
        "name": "x",
        "version": "1",
        "requires-python": ">=3.10",
        "dependencies": ["dagster>=1.12", "y @ file:lib"],
        "optional-dependencies": {"more": ["z"]},
        "dynamic": ["readme"],
        "classifiers": ["A"],
        "scripts": {"x": "x:main"},
        "entry-points": {"group": {"x": "x:main"}},
    },
    "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
    "dependency-groups": {"dev": ["pytest", {"include-group": "dev"}]},
    "tool": {
        "dg": {"project": {"root_module": "playground", "autoload_defs": False}},
        "dagster": {"module_name": "playground.definitions", "modules": [{"name": "playground.definitions"}]},
        "uv": {
            "package": True,
            "workspace": {"members": ["lib", "."], "exclude": ["x"]},
            "sources": {"y": {"path": "lib"}},
            "override-dependencies": ["y==1"],
            "build-backend": {"module-root": "src"},
        },
        "poetry": {
            "name": "x",
            "dependencies": {"python": "^3.10", "y": {"path": "lib"}},
            "group": {"dev": {"dependencies": {}}},
            "source": [{"name": "own", "url": "https://index.test"}],
        },
        "pdm": {"dev-dependencies": {"dev": ["y"]}, "source": [{"url": "https://index.test"}]},
        "setuptools": {"packages": {"find": {"where": ["src"]}}},
        "hatch": {"build": {"targets": {"wheel": {"packages": ["src/x"]}}, "hooks": {}}},
        "flit": {"metadata": {"requires": ["y"]}},
    },
}
LOCKED = {
    "name": "dagster",
    "version": "1.13.0",
    "source": {"path": "lib"},
    "groups": ["default"],
    "files": [],
}
TOML: dict[str, dict[str, Any]] = {
    "pyproject.toml": PYPROJECT,
    "dg.toml": {"directory_type": "project", "project": {"root_module": "playground"}},
    "uv.lock": {"version": 1, "package": [LOCKED]},
    "poetry.lock": {"package": [LOCKED], "metadata": {"files": {}}},
    "pdm.lock": {"package": [LOCKED], "metadata": {"groups": ["default"], "strategy": ["inherit_metadata"]}},
    "pylock.toml": {"packages": [{"name": "dagster", "version": "1", "wheels": [{"path": "x.whl"}]}]},
}
PIPFILE_LOCK = {
    "_meta": {"sources": []},
    "default": {"dagster": {"version": "==1", "hashes": [], "path": "lib"}},
}
TEXTS = {
    "requirements.txt": "dagster==1.13.0 --hash=sha256:x\n-r more.txt\n-e lib\n--find-links wheels\n",
    "more.txt": "y==1 ; python_version > '3'\n-c requirements.txt\n",
    "setup.cfg": "[metadata]\nname = x\nversion = 1\n[options]\npython_requires = >=3.10\n",
    "setup.py": "from setuptools import setup\nsetup(install_requires=[])\n",
    ".env": "A=1\nexport B='x y'\nC=${A}${D:-e}\n",
    ".python-version": "3.12\n",
    "uv.toml": "no-build = false\n",
    "Pipfile": "[packages]\ndagster = '*'\n",
    "playground/defs.yaml": "type: playground.Thing\n",
    "dagster.py": "",
}
ODD = [
    *(
        1,
        -1,
        2**63,
        10**400,
        1.5,
        float("inf"),
        True,
        "",
        "..",
        "../outside",
        "/etc",
        "a/b",
        "-e",
        "\u202e\x1b[2J",
    ),
    *(
        "9" * 5000,
        ">=" + "9" * 3000,
        "x" * 5000,
        "(" * 3000,
        "${HOME}",
        "file:///etc",
        "x @ ../outside",
        "link/x",
    ),
    *("\x7f\u0085\u2028", "**", "[", "~=1", "x; os_name ~= 'a'"),
]
junk = st.recursive(
    st.sampled_from(ODD) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
RAW = [
    *(
        b"",
        b"\0",
        b"\xff\xfe",
        "[project]\n".encode("utf-16"),
        b"\xef\xbb\xbf[x]\n",
        b"\xff" * 100,
        b"\r" * 1000,
    ),
    *(b"x = " + b"[" * 3000, b"a." * 60_000 + b"a = 1", b"{" * 3000, b'"""' * 999, b"'''\\", b'"' * 1001),
    *(
        b" " * 100_000 + b"x",
        b"A=x" + b" " * 100_000 + b"y",
        b"-r " * 3000,
        b"\n" * 100_000,
        os.urandom(3000),
    ),
    *(b"a: &a [*a, *a]\n" * 300, b"#" * 16_000_001, b"[options]\n x\n= y\n[[", b"x" * 200_000),
]
TARGETS = [
    *(
        "/dev/zero",
        "/proc/self/environ",
        "../outside",
        "../outside/secret",
        ".",
        "..",
        "link",
        "loop",
        "gone",
        ".git",
    ),
    *("lib", "playground", "requirements.txt", "/", "pyproject.toml", "lib/../../c/lib", "x" * 255),
]
NAMES = [
    *TOML,
    *TEXTS,
    "Pipfile.lock",
    "src",
    "playground",
    "playground/definitions.py",
    "lib",
    "link",
    "dagster",
]


def as_toml(value: Any) -> str:
    """Return the value as it stands in a file; what TOML itself has no word for is written all the same."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def document(value: Any) -> str:
    if not isinstance(value, dict):
        return as_toml(value)
    return "".join(f"{json.dumps(key)} = {as_toml(one)}\n" for key, one in value.items())


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with one part of it, at any depth, replaced."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: draw(changed(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 2)):
        return [draw(changed(value[0])), *value[1:]]
    return draw(junk)


@st.composite
def contents(draw: st.DrawFn, name: str) -> bytes:
    if not draw(st.integers(0, 4)):
        return draw(st.sampled_from(RAW) | st.binary(max_size=200))
    if name in TOML:
        part = draw(st.sampled_from(["project", "tool"])) if name == "pyproject.toml" else ""
        whole = {part: PYPROJECT[part]} if part and draw(st.booleans()) else TOML[name]
        return document(draw(changed(whole) | st.just(whole))).encode(errors="surrogatepass")
    if name == "Pipfile.lock":
        return json.dumps(draw(changed(PIPFILE_LOCK) | st.just(PIPFILE_LOCK))).encode()
    text = TEXTS.get(name, "")
    odd = draw(junk)
    at = draw(st.integers(0, len(text)))
    return f"{text[:at]}{odd if draw(st.booleans()) else ''}{text[at:]}".encode(errors="surrogatepass")


@st.composite
def trees(draw: st.DrawFn) -> dict[str, tuple[str, Any]]:
    names = draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True))
    found: dict[str, tuple[str, Any]] = {}
    for name in names:
        kind = draw(st.sampled_from(["file"] * 7 + ["link", "link", "folder", "pipe"]))
        made = {"file": contents(name), "link": st.sampled_from(TARGETS)}.get(kind, st.none())
        found[name] = (kind, draw(made))
    return found


def make(folder: Path, tree: dict[str, tuple[str, Any]]) -> Path:
    """Make a checkout with a module to load, and over it what was drawn."""
    checkout = folder.resolve() / "c"
    (checkout / "lib").mkdir(parents=True)
    (folder / "outside" / "playground").mkdir(parents=True)
    (folder / "outside" / "playground" / "definitions.py").touch()
    (folder / "outside" / "secret").write_text("CANARY = 1\n")
    for name, (kind, content) in sorted(tree.items()):
        place = checkout / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir() and not place.is_symlink():
                place.rmdir()
            if kind == "file":
                with place.open("xb") as file:
                    file.write(content)
            elif kind == "link":
                place.symlink_to(content)
            elif kind == "folder":
                place.mkdir()
            else:
                os.mkfifo(place)
        except OSError:
            continue  # such as a file below another file
    module = checkout / "playground" / "definitions.py"
    if not os.path.lexists(checkout / "playground"):
        module.parent.mkdir()
        module.touch()
    return checkout


@settings(max_examples=250, deadline=10_000, suppress_health_check=list(HealthCheck))
@given(
    tree=trees(),
    file=st.sampled_from([None, None, None, "requirements.txt", "more.txt", "pylock.toml", "../x", "link"]),
)
def test_reading_a_repository_ends_in_a_project_of_its_own_or_in_a_sentence(
    tree: dict[str, tuple[str, Any]], file: str | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkout = make(Path(folder), tree)
        try:
            project = read_project(checkout, selection=Selection(file))
            for place in (project.directory, project.module_root, project.declared.file or checkout):
                assert place.resolve().is_relative_to(checkout)
            read_all(checkout, Selection(file))
        except PlaygroundError as error:
            for finding in error.findings:
                told = finding.sentence()
                assert finding.rejects, told
                assert "does not expect" not in told, told
                assert "CANARY" not in told
                assert told.isprintable()
                assert len(told) < 2000
        assert sorted(Path(folder, "outside").rglob("*"))[-1].name == "secret", "nothing is written there"
