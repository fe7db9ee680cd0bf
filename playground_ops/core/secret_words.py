"""Words by which a key tells that its value is a secret, and values that are none."""

import re

MASK = "***"

_WORDS = (
    r"passwords?|passwd|passphrase|passcode|passwort|kennwort|(?<![a-z])pass(?![a-z])|(?-i:(?<=[a-z])Pass(?![a-z]))|"
    r"(?<=user)pass(?![a-z])|pwd|secrets?|tokens?|jwt|api[_-]?keys?|"
    r"(?:access|private|account|shared|signing|encryption|master|storage|deploy|ssh|auth|session|subscription|"
    r"sas|service|client|license)[_-]?keys?|credentials?|shared[_-]?access[_-]?signature|"
    r"(?:web)?hook[_-]?ur[il]|session[_-]?id"
)
# A key is matched from the revealing word on, without any prefix of it (`PG`PASSWORD,
# `AWS_`SECRET_ACCESS_KEY): a pattern that also matched the prefix would be quadratic on long lines.
NAME = rf"(?P<word>{_WORDS})(?P<tail>[\w.-]{{0,40}})"
_NO_SECRET = re.compile(
    r"[_.-]?(?:files?|path|dir|folder|names?|ref|keyref|type|kind|count|len(?:gth)?|size|ttl|expir\w*|versions?|"
    r"managers?|store|provider|class|izers?|ize\w*|less|policy|required|enabled|min|max|limit|helper|issuer)",
    re.I,
)
"""The rest of a key that says something about a secret and holds none: `token_file`, `secretName`."""
_SAYS_NOTHING = frozenset(
    {"", "true", "false", "null", "none", "nil", "undefined", "required", "missing", "invalid", "expired"}
    | {"empty", "unset", "incorrect", "wrong", "denied", "...", "\N{HORIZONTAL ELLIPSIS}", "redacted"}
    | {"[redacted]", "<redacted>", "(redacted)", "{", "[", "(", "|", "%s", "%r", "?", "-"}
)
_REFERENCE = re.compile(
    r"\$\{?[A-Za-z_]\w*\}?|\$\d+|\$\(.{0,80}|\{[\w.!:]{0,60}\}|%\(\w{1,60}\)[sr]|:[A-Za-z_]\w*|"
    r"(?:self|cls|os|settings|config|cfg|conf|env|args|options|kwargs|params|request|context)\.[A-Za-z_][\w.]*"
)
"""What stands in source code or a template in place of a secret."""


def is_telling(name: str) -> bool:
    """Return whether a variable or key of this name holds a secret."""
    found = re.search(NAME, name, re.I)
    return found is not None and not _NO_SECRET.fullmatch(found["tail"])


def says_something(tail: str) -> bool:
    """Return whether the rest of a key, after the telling word, makes it one that holds no secret."""
    return _NO_SECRET.fullmatch(tail) is not None


def is_ordinary(value: str, word: str) -> bool:
    """Return whether a value says that there is none, or refers to one."""
    bare = value.strip()
    if bare.lower() in _SAYS_NOTHING or not bare.strip("*") or bare.lower().strip("_") == word.lower():
        return True
    if word.lower() == "tokens" and bare.isdecimal():
        return True
    return _REFERENCE.fullmatch(bare) is not None
