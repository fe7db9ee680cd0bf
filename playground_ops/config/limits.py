"""Text that is small and explodes when it is read: nesting (a crash in libyaml), aliases of aliases."""

from __future__ import annotations

from io import StringIO
from typing import Any

import yaml

LONGEST_FILE = 500_000
"""Bytes. A stack of a hundred locations needs a tenth of it."""
DEEPEST = 20
MOST_VALUES = 50_000


def loader() -> Any:
    """A safe one: it makes no objects."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def refuse_what_explodes(text: str) -> None:
    """Raises yaml.MarkedYAMLError. Reads the events alone, which takes no recursion."""
    if len(text) > LONGEST_FILE:
        raise yaml.MarkedYAMLError(problem=f"more than {LONGEST_FILE} characters")
    opened: list[tuple[str | None, int]] = []
    sizes: dict[str, int] = {}
    total = 0
    for event in yaml.parse(StringIO(text), Loader=loader()):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                raise _refused("an alias to the very thing that it stands in", event)
            total += sizes.get(event.anchor or "", 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes |= {anchor: total - before} if anchor else {}
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            sizes |= {event.anchor: 1} if event.anchor else {}
        if len(opened) > DEEPEST:
            raise _refused(f"more than {DEEPEST} levels of nesting", event)
        if total > MOST_VALUES:
            raise _refused(f"more than {MOST_VALUES} values, aliases counted as what they stand for", event)


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark  # of either parser
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
