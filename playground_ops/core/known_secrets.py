"""Secrets that this process holds itself, which are masked wherever they stand, in whatever form.

A value is known if it can be told from an ordinary word: see `_is_worth_it`. The user, the port or `true`
would turn text into masks and hide nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from playground_ops.core.secret_words import MASK, is_telling

SHORTEST, WORD, NUMBER = 6, 16, 10
"""Characters from which on a secret is masked; one that is a single word; one in digits alone."""
_ORDINARY = frozenset({"127.0.0.1", "0.0.0.0", "[redacted]", "changeme"})
_RANDOM = re.compile(r"(?=\D*\d)(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[\w+/=.~-]{16,}|[0-9a-f]{32,}")

_known: frozenset[str] = frozenset()
_forms: tuple[str, ...] = ()


def learn(values: Iterable[str | None]) -> None:
    """From now on mask these secrets, in this process, in each form in which programs write them."""
    global _known, _forms  # noqa: PLW0603 - what a process knows is the process's
    fresh = {value.strip() for value in values if value} - _known
    if fresh:
        forms = {form for value in fresh if _is_worth_it(value) for form in _forms_of(value)}
        _forms = tuple(sorted(forms.union(_forms), key=lambda form: (-len(form), form)))
        _known |= fresh


def learn_variables(variables: Mapping[str, str]) -> None:
    """Mask values of variables with telling names; of others passwords in URLs, and what looks random."""
    for name, value in variables.items():
        if is_telling(name) or _RANDOM.fullmatch(value):
            learn([value])
        learn(_passwords(value))


def forget_all() -> None:
    global _known, _forms
    _known, _forms = frozenset(), ()


def mask_known(text: str) -> str:
    for form in _forms:
        if form in text:
            text = text.replace(form, MASK)
    return text


def _passwords(value: str) -> Iterator[str]:
    if "://" not in value or "@" not in value:
        return
    from urllib.parse import unquote, urlsplit

    try:
        found = urlsplit(value).password
    except ValueError:
        return
    if found:
        yield unquote(found)


def _is_worth_it(value: str) -> bool:
    """Return whether it can be told from ordinary text. A word, a number, a path is in much that is said."""
    if len(value) < SHORTEST or value.lower() in _ORDINARY or value.startswith(("/", "./", "~/")):
        return False
    if value.isdecimal():
        return len(value) >= NUMBER
    word = re.sub(r"[-_.]", "", value)
    is_word = word.isalpha() and (word.islower() or word.isupper() or word.istitle())
    return len(value) >= WORD or not is_word


def _forms_of(value: str) -> Iterator[str]:
    """Yield the value, its lines, and what URLs, JSON (twice), Python, HTML and base64 make of it."""
    import html
    import json
    from urllib.parse import quote, quote_plus

    yield value
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= WORD)
    yield from (quote(value), quote(value, safe=""), quote_plus(value), html.escape(value))
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (once, json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    yield repr(value)[1:-1]
    yield repr(value.encode())[2:-1]
    yield value.replace("'", "''")
    yield from _base64(value.encode(errors="replace"))


def _base64(data: bytes) -> Iterator[str]:
    """Yield what base64 has of it, wherever it begins in what was encoded: the first and last digits vary."""
    import base64

    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode()
        known = whole[(0, 2, 3)[before] : (8 * (before + len(data))) // 6]
        if len(known) >= SHORTEST + 2:
            yield known
            yield known.replace("+", "-").replace("/", "_")
