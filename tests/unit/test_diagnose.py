"""Why a server ended, from what it printed."""

from __future__ import annotations

import pytest

from playground_ops.core.errors import FindingKind
from playground_ops.diagnose import explain_exit

CHECKOUT = "/srv/state/checkouts/" + "ab" * 20
WRAPPED = """\
2030-01-01 00:00:00 +0000 - dagster.code_server - INFO - Starting Dagster code server
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/dagster/_core/errors.py", line 279, in user_code_error_boundary
    yield
  File "{checkout}/src/orders/definitions.py", line 3, in <module>
    import prices
  File "{checkout}/src/orders/prices.py", line 7, in <module>
    table = load()
  File "/venv/lib/python3.11/site-packages/pandas/io.py", line 99, in load
    raise error
{error}

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/dagster/_grpc/server.py", line 267, in __init__
    with user_code_error_boundary(
dagster._core.errors.DagsterUserCodeLoadError: Error occurred during the loading of Dagster definitions in
executable_path=/venv/bin/python, module_name=orders.definitions
"""


def printed(error: str) -> str:
    return WRAPPED.format(checkout=CHECKOUT, error=error)


@pytest.mark.parametrize(
    ("error", "kind", "cause"),
    [
        ("ModuleNotFoundError: No module named 'prices'", FindingKind.CERTAIN, "A module is missing"),
        ("ImportError: cannot import name 'x' from 'y'", FindingKind.CERTAIN, "does not exist there"),
        ("SyntaxError: invalid syntax", FindingKind.CERTAIN, "not valid Python"),
        ("KeyError: 'vat'", FindingKind.CERTAIN, "Importing the definitions raised"),
        ("my.own.PriceListException: no vat", FindingKind.CERTAIN, "Importing the definitions raised"),
        (
            "dagster._core.errors.DagsterInvalidDefinitionError: Duplicate asset key",
            FindingKind.CERTAIN,
            "Dagster refuses the definitions",
        ),
        ("requests.exceptions.ConnectionError: refused", FindingKind.TRANSIENT, "on the network"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", FindingKind.TRANSIENT, "on the network"),
        ("sqlalchemy.exc.OperationalError: (psycopg2) down", FindingKind.TRANSIENT, "A database"),
        ("OSError: [Errno 28] No space left on device", FindingKind.CAPACITY, "The disk is full"),
        ("MemoryError", FindingKind.CAPACITY, "out of memory"),
    ],
)
def test_the_codes_own_exception_is_the_cause(error: str, kind: FindingKind, cause: str) -> None:
    found = explain_exit("release/a-3", "exit code 1", printed(error))
    assert found.kind is kind
    assert found.observed == f"{error} (at src/orders/prices.py, line 7)."
    assert cause in found.cause
    assert found.evidence.splitlines()[0].startswith(f'  File "{CHECKOUT}/src/orders/definitions.py"')
    assert found.evidence.splitlines()[-1] == error
    assert "DagsterUserCodeLoadError" not in found.evidence


def test_an_exception_that_the_code_raises_from_another_is_the_cause() -> None:
    inner = 'Traceback (most recent call last):\n  File "/srv/x.py", line 1, in <module>\nKeyError: 1\n'
    outer = (
        'Traceback (most recent call last):\n  File "/srv/x.py", line 2, in <module>\nValueError: bad price\n'
    )
    told = f"{inner}\nThe above exception was the direct cause of the following exception:\n\n{outer}"
    assert explain_exit("release/a-3", "exit code 1", told).observed.startswith("ValueError: bad price")


def test_all_lines_of_a_message_are_told() -> None:
    found = explain_exit("release/a-3", "exit code 1", printed("ValueError: one\ntwo: OSError\n\n  three"))
    assert found.observed == "ValueError: one two: OSError three (at src/orders/prices.py, line 7)."
    assert "Importing the definitions raised" in found.cause


COMPONENT = """\
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/dagster/components/core/component_tree.py", line 550, in _build
    defs = component.build_defs(clc)
           ^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/venv/lib/python3.11/site-packages/dagster_dbt/dbt_manifest.py", line 25, in read_manifest_path
    raise DagsterDbtManifestNotFoundError(f"{{manifest_path}} does not exist.")
dagster_dbt.errors.DagsterDbtManifestNotFoundError: /x/jaffle/target/manifest.json does not exist.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "{checkout}/src/comp/definitions.py", line 8, in defs
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
  File "/venv/lib/python3.11/site-packages/dagster/components/core/component_tree.py", line 536, in _at
    with self.augment_component_tree_exception(
  File "/usr/lib/python3.11/contextlib.py", line 158, in __exit__
    self.gen.throw(typ, value, traceback)
  File "/venv/lib/python3.11/site-packages/dagster/components/core/component_tree.py", line 135, in augment
    raise ComponentTreeException(
dagster.components.core.component_tree.ComponentTreeException: Error while building definitions for dbt[0]:
├── __init__.py (built)
└── dbt (loaded)
    └── defs.yaml (DbtProjectComponent) (error)
"""


def test_a_component_that_fails_is_told_by_its_own_sentence() -> None:
    found = explain_exit("release/a-3", "exit code 1", printed("x").replace(*_instead()))
    assert found.observed == (
        "dagster_dbt.errors.DagsterDbtManifestNotFoundError: /x/jaffle/target/manifest.json does not exist."
    )
    assert "dbt[0]" in found.evidence, "which component it was"
    assert "`prepare:`" in found.fix


def test_a_tail_of_the_log_that_begins_within_a_chain() -> None:
    whole = printed("x").replace(*_instead())
    cut = whole[whole.index("fest_path} does not exist") :]
    assert "DagsterDbtManifestNotFoundError" in explain_exit("release/a-3", "exit code 1", cut).observed


def _instead() -> tuple[str, str]:
    """Return the code's own exception in `WRAPPED`, and a component's to be there in its place."""
    start, end = printed("x").index("Traceback"), printed("x").index("\nThe above exception")
    return printed("x")[start:end], COMPONENT.format(checkout=CHECKOUT)


def test_a_refusal_of_dagster_is_told_and_not_what_led_to_it() -> None:
    refused = COMPONENT.replace("dagster.components.core.component_tree.ComponentTreeException", "{refusal}")
    told = refused.format(checkout=CHECKOUT, refusal="dagster._core.errors.DagsterInvalidDefinitionError")
    found = explain_exit("release/a-3", "exit code 1", told)
    assert found.observed.startswith("dagster._core.errors.DagsterInvalidDefinitionError: Error while")


def test_an_exception_that_was_printed_before_is_of_no_chain() -> None:
    warned = printed("ValueError: only logged")
    frame = '  File "/venv/lib/python3.11/site-packages/dagster/x.py", line 1, in start'
    last = f"Traceback (most recent call last):\n{frame}\ndagster.x.OddError: the end\n"
    found = explain_exit("release/a-3", "exit code 1", f"{warned}{last}")
    assert found.observed == "dagster.x.OddError: the end."


def test_what_is_logged_after_an_exception_is_no_part_of_it() -> None:
    later = "2030-01-01 00:00:01 +0000 - dagster - INFO - Shutting down\n"
    alone = printed("x").partition("\nThe above exception")[0].replace("\nx", "\nValueError: bad price")
    found = explain_exit("release/a-3", "exit code 1", f"{alone}\n{later}")
    assert found.observed == "ValueError: bad price (at src/orders/prices.py, line 7)."


@pytest.mark.parametrize(
    ("status", "kind"),
    [("signal 9 (SIGKILL)", FindingKind.TRANSIENT), ("exit code 3", FindingKind.CERTAIN)],
)
def test_a_silent_end_is_told_by_its_status(status: str, kind: FindingKind) -> None:
    found = explain_exit("release/a-3", status, "")
    assert (found.kind, status in found.observed) == (kind, True)


def test_an_option_that_an_older_dagster_lacks() -> None:
    told = "Usage: dagster api grpc [OPTIONS]\n\nError: No such option: --new-option"
    assert "does not know an option" in explain_exit("release/a-3", "exit code 2", told).cause


def test_evidence_is_short() -> None:
    found = explain_exit("release/a-3", "exit code 1", "\n".join(f"line {number}" for number in range(1000)))
    assert len(found.evidence.splitlines()) == 40
    assert found.evidence.endswith("line 999")


INVARIANT = "dagster._core.errors.DagsterInvariantViolationError: "


@pytest.mark.parametrize(
    ("error", "cause", "fix"),
    [
        (
            f"{INVARIANT}Cannot have more than one Definitions object defined at module scope. Found "
            "Definitions objects: two.costs, two.sales",
            "has several",
            "`attribute`",
        ),
        (
            f'{INVARIANT}No repository and more than one job found in "jobs". If you load a file or module '
            "directly it must have only one job in scope. Found jobs defined in variables or decorated "
            "functions: ['one', 'two'].",
            "has several",
            "dg.Definitions(jobs=",
        ),
        (
            f"{INVARIANT}nope not found in module two. dir: ['__builtins__', 'costs', 'sales']",
            "`attribute` names what the module does not have",
            "Correct `attribute`",
        ),
        (
            f"{INVARIANT}Loadable attributes must be either a JobDefinition, GraphDefinition, Definitions, "
            "or RepositoryDefinition. Got 3.",
            "`attribute` names something else",
            "by `attribute`",
        ),
        (
            f"ImportError: cannot import name 'Enum' from 'enum' ({CHECKOUT}/src/enum.py)",
            "a file of the repository that has the same name",
            "Rename",
        ),
        ("OSError: [Errno 30] Read-only file system: 'data/out.csv'", "it may not", "I/O manager"),
        (
            f"PermissionError: [Errno 13] Permission denied: '{CHECKOUT}/data/out.csv'",
            "the folder of the commit",
            "I/O manager",
        ),
        (
            "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) attempt to write a readonly "
            "database",
            "it may not",
            "gone with the next commit",
        ),
    ],
)
def test_how_a_repository_is_laid_out_is_the_cause(error: str, cause: str, fix: str) -> None:
    found = explain_exit("release/a-3", "exit code 1", printed(error))
    assert found.kind is FindingKind.CERTAIN
    assert cause in found.cause
    assert fix in found.fix
    assert error[:40] in found.observed


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("PermissionError: [Errno 13] Permission denied: '/etc/shadow'", "raised this exception"),
        ("OSError: [Errno 30] Read-only file system: '/etc/x'", "raised this exception"),
    ],
)
def test_what_lies_elsewhere_has_another_cause(error: str, cause: str) -> None:
    assert cause in explain_exit("release/a-3", "exit code 1", printed(error)).cause


def test_a_name_that_the_code_itself_lacks_is_no_package_s() -> None:
    """The same words, raised by the code and not by a library that it imports."""
    error = f"ImportError: cannot import name 'prices' from 'orders' ({CHECKOUT}/src/orders/__init__.py)"
    log = (
        "Traceback (most recent call last):\n"
        f'  File "{CHECKOUT}/src/orders/definitions.py", line 3, in <module>\n'
        f"    from orders import prices\n{error}\n"
    )
    assert "does not exist there" in explain_exit("release/a-3", "exit code 1", log).cause


def test_dagster_that_is_shadowed_is_not_told_as_a_missing_module() -> None:
    log = (
        "/srv/.venv/bin/python: No module named dagster.__main__; 'dagster' is a package and cannot be "
        "directly executed\n"
    )
    found = explain_exit("release/a-3", "exit code 1", log)
    assert "imported as `dagster`, instead of Dagster" in found.cause
