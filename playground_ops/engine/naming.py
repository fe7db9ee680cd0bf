"""Names that people give, of which there is none in a stack."""

import difflib
from collections.abc import Sequence

from playground_ops.core.errors import Finding, certain


def unknown(thing: str, name: str, known: Sequence[str], where: str = "the configuration") -> Finding:
    """Return what is said of it; `known` are the things that there are, `where` is where more are added."""
    near = difflib.get_close_matches(name, known, n=1)
    return certain(
        object=f"{thing}/{name}",
        observed=f"There is no such {thing} in this stack.",
        cause=f"The configuration has: {', '.join(known)}.",
        fix=f"Did you mean `{near[0]}`?" if near else f"Name one of these, or add it to {where}.",
    )
