"""The one place that takes secrets out of text that was captured from outside.

In doubt it masks: a sentence that lost a word does less harm than a password in a log.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"

# A key is matched from the revealing word on, without any prefix of it (`PG`PASSWORD,
# `AWS_`SECRET_ACCESS_KEY): a pattern that also matched the prefix would be quadratic on long lines.
_TELLING = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|"
    r"credentials?|client[_-]?secret|sas[_-]?key"
)

# Names are not secrets: a line of a traceback that looks a secret up tells where it has to be put.
_NAME = r"[\"'][A-Za-z_]\w{0,80}[\"']"
_LOOKUP = (
    r"(?:[\w.]{0,60}\.)?"
    r"(?:(?:environ|env|secrets|settings|config)(?:\[|\.get\()|getenv\(|EnvVar(?:\.\w{1,20})?\()"
    rf"\s{{0,5}}{_NAME}"
)
_TYPE = (
    r"(?:\w{1,20}\.)?(?:str|bytes|Any|Secret|SecretStr|EnvVar|Optional\[[\w.]{1,30}\])"
    r"(?:\s?\|\s?[\w.]{1,30}){0,2}"
)
_ONLY_A_NAME = (
    rf"(?:{_TYPE}\s{{0,5}}=|{_LOOKUP}\s{{0,5}}[\])](?!\s{{0,5}}or\b)|"
    rf"\{{\s{{0,5}}[\"']?env[\"']?\s{{0,5}}:\s{{0,5}}(?:{_NAME}|\w{{1,80}})\s{{0,5}}\}}|"
    r"\$\{\w{1,80}\}(?![^\s\"',;\]}&]))"
)
_QUOTED = r"[rbfu]{0,2}(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
_INNER = rf"(?:[^\n\[\]()\"']|{_QUOTED})"
_CALL = rf"[\w.]{{1,80}}[\[(](?:{_INNER}|[\[(]{_INNER}{{0,200}}[\])]){{0,200}}[\])]"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A private key, also one whose end was cut off.
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.S
        ),
        MASK,
    ),
    # scheme://user:password@host, with a password that may hold a slash or an at sign.
    (re.compile(r"(://)[^\s/:@'\"]{0,200}:(?!\d+(?:[/?#\s]|$))[^\s'\"]{0,500}@(?=[\w.\[-])"), rf"\1{MASK}@"),
    (re.compile(r"(://)[^\s/?#'\"@:]{0,200}:[^\s/?#'\"]{0,500}@"), rf"\1{MASK}@"),
    # http(s)://token@host. A lone user is no secret elsewhere: ssh://git@host stays.
    (re.compile(r"(https?://)[^\s/?#'\"@]{1,500}@", re.I), rf"\1{MASK}@"),
    (
        re.compile(
            r"(authorization[\"']?\s{0,5}[:=]\s{0,5}[\"']?(?:(?:bearer|basic|token|digest)\s{1,5})?)[^\s\"',]+",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(\bbearer\s{1,5})[\w.~+/=-]{12,}", re.I), rf"\1{MASK}"),
    # password=..., "password": "...", secret: ..., environ["TOKEN"] = ..., token: str = ...
    (
        re.compile(
            rf"((?:{_TELLING})[\w.-]{{0,40}}[\"']?\]?\s{{0,5}}(?::\s{{0,5}}{_TYPE}\s{{0,5}}=|:=|==|!=|=|:)\s{{0,5}})"
            rf"(?!{_ONLY_A_NAME})({_LOOKUP}\s{{0,5}}[\])]?\s{{0,5}}(?:,|or\b)\s{{0,5}})?"
            rf"(?:{_QUOTED}|{_CALL}|[\w.]{{1,80}}[\[(][^\n]*|[^\s,;&}}\])\"']+|[\"'][^\n]*)",
            re.I,
        ),
        rf"\1\2{MASK}",
    ),
    # --token ...
    (
        re.compile(rf"((?<!\S)--?[\w-]{{0,40}}(?:{_TELLING})[\w-]{{0,40}} )(?:{_QUOTED}|[^\s-]\S*)", re.I),
        rf"\1{MASK}",
    ),
    # Keys that are known by their form: AWS, GitHub, GitLab, Slack, JSON web tokens.
    (re.compile(r"\b(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\bgh[pousr]_\w{20,}"), MASK),
    (re.compile(r"\bgithub_pat_\w{20,}"), MASK),
    (re.compile(r"\bglpat-[\w-]{16,}"), MASK),
    (re.compile(r"\bxox[abeprs]-[\w-]{10,}"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)


SHORTEST = 4
"""Characters of a value that is masked wherever it stands: a shorter one is a part of ordinary words."""
_ORDINARY = {"true", "false", "none", "null", "info", "debug", "warning", "error"}
_known: set[str] = set()


def learn(values: Iterable[str]) -> None:
    """From now on mask these values too, in this process, also as Python, JSON and URLs write them."""
    for value in values:
        for line in (value, *value.splitlines()):
            if len(line) >= SHORTEST and line.lower() not in _ORDINARY:
                _known.update({line, repr(line)[1:-1], json.dumps(line)[1:-1], quote(line, safe="")})


def redact(text: str) -> str:
    """Return `text` with passwords, tokens and keys (see `_RULES`) replaced by `***`. Never raises.

    So are values that this process has learnt are secrets.
    """
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
