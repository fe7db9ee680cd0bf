"""Reads the text of a file as plain values with their lines, and handles YAML's traps.

A small text that explodes when it is read is refused: nesting (a crash in libyaml), aliases of aliases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import yaml

from playground_ops.config.faults import Fault, Steps, shown
from playground_ops.config.scalars import known_tag, scalar

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    content: Any
    lines: Mapping[Steps, int]
    faults: tuple[Fault, ...]


def document(text: str) -> Document:
    """Read it. Raises yaml.YAMLError or ValueError for text that is not YAML, or is too long."""
    refuse_what_explodes(text)
    node = yaml.compose(StringIO(text), Loader=loader())  # a stream: errors then quote no line of it
    walk = _Walk()
    content = None if node is None else walk.value(node, ())
    return Document(content=content, lines=walk.lines, faults=tuple(walk.faults))


def not_yaml(text: str, error: yaml.YAMLError | ValueError) -> Fault:
    """Return the parser's message as one fault, with its line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = [getattr(error, "context", None), getattr(error, "problem", None)]
    said = ", ".join(word for word in words if word) or str(error).splitlines()[0]
    fix = f"Correct line {mark.line + 1}, or the one before it." if mark else "Correct it."
    if mark and "\t" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        fix = f"Indent line {mark.line + 1} by spaces: YAML takes no tabs there."
    line = mark.line + 1 if mark else None
    return Fault((), f"text that can't be read as YAML ({shown(said)})", "a YAML document", fix, line)


@dataclass
class _Walk:
    lines: dict[Steps, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def value(self, node: yaml.Node, steps: Steps) -> Any:
        self.lines.setdefault(steps, node.start_mark.line + 1)
        if not known_tag(node.tag):
            tag = shown(node.tag.replace("tag:yaml.org,2002:", "!!"))
            plain = "text, a number, a list or a mapping without a tag"
            self.faults.append(Fault(steps, f"the tag `{tag}`", plain, "Remove the tag."))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*steps, index)) for index, item in enumerate(node.value)]
        return scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _mapping(self, node: yaml.MappingNode, steps: Steps) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged = {**self._merged(value, steps), **merged}
        own: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != _MERGE and self._usable(key, own, steps):
                place = (*steps, key.value)
                self.lines[place] = key.start_mark.line + 1
                own[key.value] = self.value(value, place)
        return {**merged, **own}

    def _usable(self, key: yaml.Node, own: Mapping[str, Any], steps: Steps) -> bool:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            self.faults.append(Fault(steps, "a key that is no text", "text", "Write a key before `:`.", line))
            return False
        if key.value in own:
            found = f"the key `{shown(key.value)}` a second time"
            place = (*steps, key.value)
            fix = f"Remove one of the two; the first is at line {self.lines[place]}."
            self.faults.append(Fault(place, found, "each key once", fix, line))
            return False
        return True

    def _merged(self, node: yaml.Node, steps: Steps) -> dict[str, Any]:
        """Return what `<<` merges: a mapping, or several of which an earlier one wins."""
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            brought: dict[str, Any] = {}
            for item in node.value:
                brought = {**self._merged(item, steps), **brought}
            return brought
        fix = "Write `<<: *name`, where `&name` stands at a mapping."
        self.faults.append(Fault((*steps, "<<"), "`<<` with no mapping", "the alias of a mapping", fix))
        return {}


LONGEST_FILE = 500_000
"""Bytes. A stack of a hundred locations needs a tenth of it."""
DEEPEST = 20
MOST_VALUES = 50_000


def loader() -> Any:
    """Return a loader that makes no Python objects."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def refuse_what_explodes(text: str) -> None:
    """Raises yaml.MarkedYAMLError. It reads only events, without recursion."""
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
