"""The one place that takes secrets, and what a terminal would obey, out of text from outside.

In doubt it masks: a sentence that lost a word does less harm than a password in a log.
"""

from playground_ops.core.known_secrets import learn, learn_variables, mask_known
from playground_ops.core.plain import plain
from playground_ops.core.secret_words import MASK

__all__ = ["MASK", "learn", "learn_variables", "one_line", "printable", "redact"]

_READ = 20
"""Times the length of a line that is looked at: what is cut off before may be the end of a secret."""


def redact(text: str) -> str:
    """Return printable `text` with passwords, tokens and keys replaced by `***`. Never raises.

    What this process itself knows is masked by value, the rest by its form or by the name of its key. Ends of
    lines, tabs and the structure of JSON stay.
    """
    # Their patterns take longer to compile than all else that `--help` does.
    from playground_ops.core.secret_forms import mask_forms
    from playground_ops.core.secret_keys import mask_values

    return mask_values(mask_forms(mask_known(plain(text))))


def printable(text: str) -> str:
    """Return a sentence of this project: what only looks like a secret in it stays."""
    return mask_known(plain(text))


def one_line(text: str, longest: int) -> str:
    """Return the text as one line of at most `longest` characters, without control characters and secrets."""
    shown = redact(" ".join(plain(text[: _READ * longest]).split()))
    return shown if len(shown) <= longest else f"{shown[: longest - 2].rstrip()}.."
