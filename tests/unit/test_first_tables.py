"""Servers that start at once on an empty database: each makes Dagster's tables, and one may come late."""

from __future__ import annotations

import pytest

from playground_ops.core.errors import FindingKind
from playground_ops.diagnose.server_log import explain_exit

TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/local/bin/dagster", line 10, in <module>
    sys.exit(main())
sqlalchemy.exc.ProgrammingError: (psycopg2.errors.{kind}) {what} already exists
"""


@pytest.mark.parametrize(
    ("kind", "what", "passes"),
    [
        ("DuplicateObject", 'type "run_tags"', True),
        ("DuplicateTable", 'relation "event_logs"', True),
        ("DuplicateTable", 'relation "orders"', False),
    ],
)
def test_it_is_started_again_unless_the_table_is_the_codes_own(kind: str, what: str, passes: bool) -> None:
    """The first is what a code server of 1.13.27 wrote, on a cluster whose processors were busy."""
    found = explain_exit("pod/x/dagster-grpc", "exit code 1", TRACEBACK.format(kind=kind, what=what))
    assert found.kind is (FindingKind.TRANSIENT if passes else FindingKind.CERTAIN)
    assert ("empty database" in found.cause) is passes
