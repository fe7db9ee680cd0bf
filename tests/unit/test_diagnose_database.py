"""Why a database does not answer, from real errors of its client."""

from __future__ import annotations

import pytest

from playground_ops.diagnose.database import explain_database

WORDS = [
    (
        'connection to server at "10.0.0.3", port 5432 failed: FATAL:  sorry, too many clients already',
        "All of its connections are in use.",
    ),
    (
        "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
        "All of its connections are in use.",
    ),
    ('FATAL:  password authentication failed for user "dagster"', "does not take the user and the password"),
    ('FATAL:  database "dagster" does not exist', "has no such database"),
    ("could not extend file: No space left on device", "Its volume is full."),
    (
        'could not translate host name "dagster-postgres" to address: Name or service not known',
        "does not resolve",
    ),
    (
        'connection to server at "10.0.0.3", port 5432 failed: Connection refused',
        "restarting, moving, or gone",
    ),
    ("FATAL:  the database system is starting up", "restarting, moving, or gone"),
    ("connection failed: SSL error: certificate verify failed", "encryption was refused"),
]


@pytest.mark.parametrize(("words", "cause"), WORDS)
def test_its_words_are_told_with_their_cause(words: str, cause: str) -> None:
    found = explain_database(f"(psycopg2.OperationalError) {words}\n(Background on this error)")
    assert cause in found.cause
    assert words in found.observed


def test_what_is_not_known_is_shown_without_a_guess() -> None:
    found = explain_database("\nFATAL:  the moon is full\n")
    assert found.observed == "Dagster's database does not answer: FATAL:  the moon is full"
    assert found.cause == "This reason is not a known one."
