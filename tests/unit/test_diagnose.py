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


def test_a_message_of_several_lines_is_named_by_its_first() -> None:
    found = explain_exit("release/a-3", "exit code 1", printed("ValueError: one\ntwo: OSError\nthree"))
    assert found.observed == "ValueError: one (at src/orders/prices.py, line 7)."


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
