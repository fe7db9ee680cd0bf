"""Commands of this project within sentences: how they are written, and how they are found again."""

import re

SCRIPT, PACKAGE = "playground-ops", "playground_ops"
NEUTRAL = f"python -m {PACKAGE}"
"""How a command is written in a text that somebody else passes on, or its name alone."""
NAMES = (
    *(
        "init",
        "bootstrap",
        "validate",
        "generate",
        "schema",
        "plan",
        "deploy",
        "upgrade",
        "redeploy",
        "rollback",
    ),
    *("promote", "approve", "reject"),
    *("compare", "status", "history", "logs", "health", "collect", "ui", "secret git"),
    *("secret rotate-database", "backup", "restore", "down"),
)
"""All commands; a test compares them with what there is."""
ALONE = ("init", "schema")
"""Commands that act on no stack."""
COMMAND = re.compile(
    rf"`(?:{NEUTRAL}[ .]|{SCRIPT} )?(?P<name>{'|'.join(NAMES)})(?P<rest>(?: [^`]*)?)`(?! job)"
)


def first_of(text: str) -> str | None:
    """Return the first command that the text names, without what starts it; None where it names none."""
    found = COMMAND.search(text)
    return f"{found['name']}{found['rest']}" if found else None
