"""Finds secrets by the names of their keys: `password=...`, `"token": "..."`, YAML, JSON within JSON.

One pass over the text for each notation of a key, forward only.
"""

import re

from playground_ops.core.secret_values import value_of
from playground_ops.core.secret_words import MASK, NAME, is_ordinary, says_something

_PARTS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "wort",
    "jwt",
    "hook",
    "session",
    "signature",
)
"""Every word has one of these; most lines have none."""
_QUOTE = r"(?P<keyquote>\\*[\"'`]|&quot;|&#3[49];|%2[27])"
_SIGN = r"(?:=>|:=|!?={1,3}|:(?!:)|%3[ad])"
_SPACE = r"[ \t]{0,5}"

_KEY = re.compile(rf"{NAME}{_QUOTE}?\]?{_SPACE}{_SIGN}[ \t]{{0,20}}", re.I)
_NAMED = re.compile(
    rf"(?:name|key)\\*[\"']?{_SPACE}[:=]{_SPACE}\\*[\"']?[\w.-]{{0,60}}?{NAME}\\*[\"']?\s{{0,20}},?\s{{0,20}}"
    rf"(?P<keyquote>\\*[\"'])?value\\*[\"']?{_SPACE}[:=][ \t]{{0,20}}",
    re.I,
)
"""An entry of a list of variables, as Kubernetes has them."""
_PAIR = re.compile(
    rf"(?:\(\s{{0,5}}b?[\"']|[\"']--?)[\w.-]{{0,40}}?{NAME}(?P<keyquote>[\"']),\s{{0,5}}(?=[bru]?[\"'])",
    re.I,
)
"""Two items of a tuple, or an option and its value in a list of arguments."""
_OPTION = re.compile(
    rf"(?<![^\s\"'])--?[\w-]{{0,40}}?{NAME}(?P<keyquote>(?!))?[ \t]{{1,5}}(?![-|&;<>])(?=\S)", re.I
)
_ELEMENT = re.compile(
    rf"(<[\w:.-]{{0,40}}?{NAME}(?:\s[^<>]{{0,200}})?>)(?P<inside>[^<]{{1,4000}})(?=</)", re.I
)


def mask_values(text: str) -> str:
    """Mask what stands under a telling key. Never raises."""
    lower = text.lower()
    if not any(part in lower for part in _PARTS):
        return text
    for pattern in (_NAMED, _PAIR, _OPTION, _KEY):
        text = _masked(pattern, text)
    return _ELEMENT.sub(_element, text) if "</" in text else text


def _element(found: re.Match[str]) -> str:
    kept = says_something(found["tail"]) or is_ordinary(found["inside"], found["word"])
    return found[0] if kept else f"{found[1]}{MASK}"


def _masked(pattern: re.Pattern[str], text: str) -> str:
    parts, done, at = list[str](), 0, 0
    while (key := pattern.search(text, at)) is not None:
        at = key.end()
        if says_something(key["tail"]):
            continue
        value = value_of(text, key)
        if value is not None:
            parts += [text[done : key.end()], value.shown]
            done = at = value.end
    return "".join([*parts, text[done:]]) if parts else text
