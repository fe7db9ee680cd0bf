"""The one place that takes secrets out of text that was captured from outside.

In doubt it masks: a sentence that lost a word does less harm than a password in a log.
"""

import re

MASK = "***"

# A key is matched from the revealing word on, without any prefix of it (`PG`PASSWORD,
# `AWS_`SECRET_ACCESS_KEY): a pattern that also matched the prefix would be quadratic on long lines.
_TELLING = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|"
    r"credentials?|client[_-]?secret|sas[_-]?key"
)

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
    # password=..., "password": "...", --token ..., secret: ...
    (
        re.compile(
            rf"((?:{_TELLING})[\w.-]{{0,40}}[\"']?\s{{0,5}}[=:]\s{{0,5}})"
            r"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&}\])\"']+)",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(rf"((?<!\S)--?[\w-]{{0,40}}(?:{_TELLING})[\w-]{{0,40}} )[^\s-]\S*", re.I), rf"\1{MASK}"),
    # Keys that are known by their form: AWS, GitHub, GitLab, Slack, JSON web tokens.
    (re.compile(r"\b(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\bgh[pousr]_\w{20,}"), MASK),
    (re.compile(r"\bgithub_pat_\w{20,}"), MASK),
    (re.compile(r"\bglpat-[\w-]{16,}"), MASK),
    (re.compile(r"\bxox[abeprs]-[\w-]{10,}"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)


def redact(text: str) -> str:
    """Return `text` with passwords, tokens and keys (see `_RULES`) replaced by `***`. Never raises."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
