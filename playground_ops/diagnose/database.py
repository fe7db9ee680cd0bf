"""Reasons for which the database does not answer, by its client's error. The first match wins."""

import re

from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import MAIN

CERTAIN, TRANSIENT, CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY
CATALOGUE = (
    (
        r"too many clients|remaining connection slots",
        CAPACITY,
        "All of its connections are in use.",
        "Let fewer runs be under way at once (`run_queue`), raise `max_connections`, or put a pooler "
        "before it.",
    ),
    (
        r"password authentication failed|no password supplied|role \"[^\"]*\" does not exist",
        CERTAIN,
        "It does not take the user and the password that the stack has: only one of both sides was changed.",
        "`secret rotate-database{option}` sets both anew; of a database of your own, mend the Secret that "
        "`postgres: external:` names.",
    ),
    (
        r"database \"deployment_[^\"]*\" does not exist",
        CERTAIN,
        "The server is there, and has no such database: it was dropped, or the deploy that makes it has not "
        "come to that.",
        "`deploy` makes it. Where that has nothing to do, run `kubectl annotate statefulset dagster-postgres "
        "playground.dagster/database-{deployment}-` in its namespace before; `restore FILE{option}` then "
        "brings back a backup.",
    ),
    (
        r"database \"[^\"]*\" does not exist",
        CERTAIN,
        "The server is there, and has no such database: it was dropped, or its volume is a new one.",
        "`restore FILE` brings back a backup; or mend `postgres: external: database:`.",
    ),
    (
        r"No space left on device|could not extend file",
        CAPACITY,
        "Its volume is full.",
        "Make its claim larger (`postgres: storage:`). Runs that are deleted give no room back until a "
        "`VACUUM FULL`.",
    ),
    (
        r"certificate|SSL|root\.crt",
        CERTAIN,
        "The connection's encryption was refused by one of both sides.",
        "Look at `sslmode` and the certificates in `postgres: external: parameters:`.",
    ),
    (
        r"could not translate host name|Name or service not known|Temporary failure in name resolution",
        TRANSIENT,
        "Its host's name does not resolve: its Service is gone, or the cluster's DNS does not answer.",
        "It is tried again; `plan` tells whether the Service is there.",
    ),
    (
        r"Connection refused|the database system is (?:starting up|shutting down)|terminating connection|"
        r"server closed the connection|timeout expired|timed out|No route to host",
        TRANSIENT,
        "It is restarting, moving, or gone.",
        "It is tried again; `logs postgres` shows its own words.",
    ),
)


def explain_database(words: str, database: str = "dagster", deployment: str = MAIN) -> Finding:
    """Return the finding for the client's error `words`, redacted. Unknown errors get no guess.

    `database`: its name. `deployment`: whose it is.
    """
    option = "" if deployment == MAIN else f" --deployment {deployment}"
    first = next((line.strip() for line in words.splitlines() if line.strip()), "no words")
    kind, cause, fix = next(
        ((kind, cause, fix) for text, kind, cause, fix in CATALOGUE if re.search(text, words, re.IGNORECASE)),
        (
            TRANSIENT,
            "This reason is not a known one.",
            "It is tried again; `logs postgres` shows its own words.",
        ),
    )
    return Finding(
        kind=kind,
        object=f"database/{database}",
        observed=f"Dagster's database does not answer: {first}",
        cause=cause,
        fix=fix.replace("{option}", option).replace("{deployment}", deployment),
        evidence=words.strip(),
        whose="surroundings",
    )
