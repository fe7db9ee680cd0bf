"""Where the value of a key ends, in whatever notation it is written, and what is shown in its place.

A value ends as its notation ends it, so that what stands around it stays as it was: a document in JSON stays
one.
"""

import re
from dataclasses import dataclass

from playground_ops.core.secret_words import MASK, is_ordinary

_STRING = r"[rbfu]{0,2}(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
_STRINGS = re.compile(_STRING, re.I)
_LITERAL_NAME = r"[\"'][A-Za-z_]\w{0,80}[\"']"
_LOOKUP = (
    r"(?:[\w.]{0,60}\.)?(?:(?:environ|env|secrets|settings|config)(?:\[|\.get\()|getenv\(|EnvVar(?:\.\w{1,20})?\()"
    rf"\s{{0,5}}{_LITERAL_NAME}"
)
_TYPE = (
    r"(?:\w{1,20}\.)?(?:str|bytes|int|bool|float|Any|string|text|varchar|Secret|SecretStr|SecretBytes|EnvVar|"
    r"(?:Optional|Union|list|dict|tuple|Mapping|Sequence|Callable)\[[\w., \[\]]{1,60}\])(?:\(\d{1,6}\))?"
    r"(?:\s?\|\s?[\w.]{1,30}){0,2}"
)
_ANNOTATION = re.compile(
    rf"{_TYPE}(?:\s{{0,5}}=\s{{0,5}}|(?P<only>(?=\s{{0,5}}(?:[,;)\]}}:]|$|\n))))", re.I | re.M
)
_ONLY_A_NAME = re.compile(
    rf"{_LOOKUP}\s{{0,5}}[\])](?!\s{{0,5}}or\b)|"
    rf"\{{\s{{0,5}}[\"']?env[\"']?\s{{0,5}}:\s{{0,5}}(?:{_LITERAL_NAME}|\w{{1,80}})\s{{0,5}}\}}|"
    r"\$\{\w{1,80}\}(?![^\s\"',;\]}&])",
    re.I,
)
"""Names are not secrets: a line of a traceback that looks a secret up tells where it has to be put."""
_OR_ELSE = re.compile(rf"{_LOOKUP}\s{{0,5}}[\])]?\s{{0,5}}(?:,|or\b)\s{{0,5}}", re.I)
_INNER = rf"(?:[^\n\[\]()\"']|{_STRING})"
_CALL = re.compile(
    rf"(?P<name>[A-Za-z_][\w.]{{0,80}})[\[(](?:{_INNER}|[\[(]{_INNER}{{0,200}}[\])]){{0,200}}[\])]", re.I
)
_CUT_CALL = re.compile(r"[A-Za-z_][\w.]{0,80}[\[(][^\n]*")

_OPENING = re.compile(
    r"(?P<before>[\[(]\s{0,5})?(?:[bruf]{1,2}(?=\\*[\"']))?"
    r"(?P<run>\\*)(?P<quote>\"\"\"|'''|[\"']|&quot;|&#3[49];)",
    re.I,
)
_NEXT = re.compile(r"\s{0,20},?\s{0,20}(?=[bru]{0,2}\\*[\"'])", re.I)
_GOES_ON = re.compile(r"'|\\''")
"""After what looks like the closing quote: a quote within one, in YAML and SQL, and in a shell."""
_REST = re.compile(r"[\w!@#$%^*+/=~-]*")
_BARE = re.compile(
    r"(?:[^\s\"'`\\<,;&]|\\+(?![\"'`\\])|[\"'`](?=\w)|<(?!/)"
    r"|[,;&](?!(?:amp;)?[ ]{0,5}\\{0,9}[\"']?[\w.%-]{1,60}\\{0,9}[\"']?[ ]{0,5}(?:[=:]|%3[ad]))"
    r"(?=[^\s,;&]))+",
    re.I,
)
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?(?P<end>\n|\\+n)")
_BELOW = re.compile(r"(?P<indent>[ \t]*)(?P<item>- +)?(?P<scalar>[^\n]*)")
_LIST = re.compile(r"\[(?P<items>[^\[\]\n\"'{}]{1,2000})\]")
_DEEPER = re.compile(r"[\[{]\s*(?:\\*[\"']|[\w.-]{1,60}\s?:|[\]}]|$)")
"""A mapping or list whose own keys tell."""
_OPENED = {")": "(", "]": "[", "}": "{"}
_MAPPING = re.compile(r"[\w.\"'-]{1,60}:(?:\s|$)")
_LINE_START = re.compile(r"[ \t]*(?:- +|export +|set +|# *)*[\"']?[\w.-]*")
_ANOTHER_KEY = re.compile(r"\s[\w.-]{1,40}[\"']?\s?[=:]")
_FARTHEST, _LOOK_BACK, _SHORT = 20_000, 300, 4
"""Characters between two quotes; between a line's start and a key in it; of a string that is no secret."""


@dataclass(frozen=True)
class Value:
    end: int
    shown: str


def value_of(text: str, key: re.Match[str]) -> Value | None:
    """Return what is shown from the end of the key on, and where that ends; None: it stays."""
    began = at = key.end()
    if (kind := _ANNOTATION.match(text, at)) is not None:
        if kind["only"] is not None:
            return None
        at = kind.end()
    if _ONLY_A_NAME.match(text, at):
        return None
    if (looked_up := _OR_ELSE.match(text, at)) is not None:
        at = looked_up.end()
    found = _written(text, at, key)
    return Value(found.end, text[began:at] + found.shown) if found else None


def _written(text: str, at: int, key: re.Match[str]) -> Value | None:
    if (opening := _OPENING.match(text, at)) is not None:
        return _quoted(text, opening, key)
    if (block := _BLOCK.match(text, at)) is not None:
        return _block(text, block, key)
    if text.startswith("\n", at):
        return _below(text, at, key)
    if (call := _CALL.match(text, at)) is not None:
        return _call(call, key)
    if (cut := _CUT_CALL.match(text, at)) is not None and re.search("[\"']", cut[0]):
        return Value(cut.end(), MASK)
    return _bare(text, at, key)


def _call(call: re.Match[str], key: re.Match[str]) -> Value | None:
    """Mask the strings that are passed to a function, and all that is passed to a class."""

    def passed(found: re.Match[str]) -> str:
        inside = found[0].lstrip("rbfuRBFU")[1:-1]
        kept = len(inside) < _SHORT or is_ordinary(inside, key["word"])
        return found[0] if kept else MASK

    shown = _STRINGS.sub(passed, call[0])
    if shown == call[0] and call["name"].rpartition(".")[2][:1].isupper() and "=" not in shown:
        shown = f"{call['name']}({MASK})"
    return Value(call.end(), shown) if shown != call[0] else None


def _quoted(text: str, opening: re.Match[str], key: re.Match[str]) -> Value | None:
    """Mask between quotes; after a bracket, in every string that follows the first one."""
    shown, again, masked = "", opening, False
    while True:
        close, end = _closing(text, again)
        inside = text[again.end() : close]
        keeps = is_ordinary(inside, key["word"])
        masked |= not keeps
        shown += again[0] + (inside if keeps else MASK) + text[close:end]
        if not keeps and not opening["before"]:
            end = _REST.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing too
        following = _NEXT.match(text, end) if opening["before"] else None
        fresh = _OPENING.match(text, following.end()) if following else None
        if following is None or fresh is None:
            return Value(end, shown) if masked else None
        shown += following[0]
        again = fresh


def _closing(text: str, opening: re.Match[str]) -> tuple[int, int]:
    """Return where the closing quote begins and ends. Where there is none, both are the end of the line.

    Within strings of strings the quote has as many backslashes as the opening one, or those of a value that
    ends with backslashes before them.
    """
    at, run, quote = opening.end(), len(opening["run"]), opening["quote"]
    period, goes_on = 2 * (run + 1), at
    until = min(len(text), at + _FARTHEST)
    line = text.find("\n", at, until)
    for found in re.compile(rf"\\*{quote}").finditer(text, at, until):
        end = found.end()
        if (len(found[0]) - len(quote)) % period != run:
            continue
        if found.start() < goes_on:
            continue
        if quote == "'" and end - at > 1 and (more := _GOES_ON.match(text, end)) is not None:
            goes_on = more.end()
            continue
        if len(quote) != 3 and 0 <= line < end and not _is_folded(text[line:end]):
            break
        return end - len(quote) - run, end
    line = line if line >= 0 else text.find("\n", until)
    return (line, line) if line >= 0 else (len(text), len(text))


def _is_folded(lines: str) -> bool:
    """Return whether each line but the first is indented, as a long string's are in YAML and Python."""
    return all(line[:1] in ("", " ", "\t") for line in lines.split("\n")[1:])


def _block(text: str, block: re.Match[str], key: re.Match[str]) -> Value:
    """Mask a block scalar: all lines that are indented more than its key."""
    end, at = block["end"], block.end()
    least = _indent(text, key) + 1 if end == "\n" else 1
    first = ""
    while at < len(text):
        stop = text.find(end, at)
        stop = len(text) if stop < 0 else stop
        line = text[at:stop]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        if line.strip() and len(indent) < least:
            break
        if end != "\n" and (quote := re.search(r"\\*[\"']", line)):
            return Value(at + quote.start(), f"{block[0]}{first or indent}{MASK}")
        first = first or (indent if line.strip() else "")
        at = min(len(text), stop + len(end))
    return Value(at, f"{block[0]}{first or ' '}{MASK}{end if at < len(text) else ''}")


def _below(text: str, at: int, key: re.Match[str]) -> Value | None:
    """Mask a scalar, or a list of scalars, that stands on the lines after its key."""
    if not _begins_its_line(text, key):
        return None  # a statement of Python
    indent, shown, done = _indent(text, key), "", at
    while text.startswith("\n", done) and (line := _BELOW.match(text, done + 1)) is not None:
        deeper, item = len(line["indent"]) > indent, line["item"]
        if not line["scalar"] or _MAPPING.match(line["scalar"]) or not (deeper or item):
            break
        if shown and not item:
            break
        shown += f"\n{line['indent']}{item or ''}{MASK}"
        done = line.end()
    return Value(done, shown) if shown else None


def _indent(text: str, key: re.Match[str]) -> int:
    began = text.rfind("\n", max(0, key.start() - _LOOK_BACK), key.start()) + 1
    line = text[began : key.start()]
    return len(line) - len(line.lstrip(" \t"))


def _bare(text: str, at: int, key: re.Match[str]) -> Value | None:
    if (listed := _LIST.match(text, at)) is not None:
        numbers = not listed["items"].strip("0123456789,. ")
        return None if numbers else Value(listed.end(), f"[{MASK}]")
    found = None if _DEEPER.match(text, at) else _BARE.match(text, at)
    value = _without_ends(found[0]) if found else ""
    end = at + len(value)
    if is_ordinary(value, key["word"]) or _means_another_thing(text, key, value):
        return None
    stop = text.find("\n", end, end + _LOOK_BACK)
    rest = text[end : stop if stop >= 0 else end + _LOOK_BACK]
    if rest[:1] == " " and ":" in key[0] and _begins_its_line(text, key) and not _ANOTHER_KEY.search(rest):
        end += len(rest.rstrip())
    quote = key["keyquote"] or ""
    return Value(end, f"{quote}{MASK}{quote}" if quote.endswith('"') else MASK)


def _without_ends(value: str) -> str:
    """Leave out what ends a sentence or closes a bracket that was opened before the value."""
    while value and (value[-1] in ",;.:>" or (value[-1] in _OPENED and _OPENED[value[-1]] not in value)):
        value = value[:-1]
    return value


def _means_another_thing(text: str, key: re.Match[str], value: str) -> bool:
    """Return whether it is a shell's PWD, or the `pass` of a sentence or of a list of tests."""
    word, before = key["word"], text[max(0, key.start() - 1) : key.start()]
    if word == "PWD":
        return value.startswith("/")
    if word.lower() != "pass" or before in ("_", "-", ".") or key["keyquote"]:
        return False
    if ":" in key[0]:
        return word == "PASS" or not _begins_its_line(text, key)
    return value.isdecimal() and len(value) < _SHORT


def _begins_its_line(text: str, key: re.Match[str]) -> bool:
    began = text.rfind("\n", max(0, key.start() - _LOOK_BACK), key.start()) + 1
    return _LINE_START.fullmatch(text, began, key.start()) is not None
