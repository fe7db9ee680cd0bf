"""Secrets that are known by their form: private keys, URLs with credentials, headers, tokens of services."""

import base64
import binascii
import re
from collections.abc import Callable

from playground_ops.core.secret_words import MASK

_PRIVATE = r"-{4,5} ?BEGIN (?=[\w ]{0,60}(?:PRIVATE|SECRET|STATIC))[\w ]{1,60}-{4,5}"
_END = re.compile(r"-{4,5} ?END (?=[\w ]{0,60}(?:PRIVATE|SECRET|STATIC))[\w ]{1,60}-{4,5}", re.I)
_BEGIN = re.compile(_PRIVATE, re.I)
_ONE_LINE = re.compile(r"(?:[ \t]+[A-Za-z0-9+/=]{16,})*")
_BODY = re.compile(
    r"(?:(?:\n|\\+[nr]|,)[ \t>|\"',\\]*"
    r"(?:[A-Za-z0-9+/=]{1,200}|(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): ?[^\n\"\\]{0,100})?"
    r"(?=[ \t]*(?:[\n\"',]|\\+[nr\"]|$)))*"
)
_LINE_OF_A_KEY = re.compile(r"[\s\"',\\>|]*[A-Za-z0-9+/=]{1,200}(?:\\+[nr]|[\s\"',\\])*")
_LONGEST_KEY = 20_000
_PUTTY = re.compile(r"(Private-(?:Lines|MAC): ?\S+)((?:\n[A-Za-z0-9+/=]{1,100}(?=\n|$))*)")
_BASE64_LINE = re.compile(
    r"(?<![\w+/=.-])[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6}(?:[A-Za-z0-9+/]{6})?)?(?![\w+/=.-])"
)
"""A line of a key whose other lines are elsewhere (PEM, OpenSSH, MIME). A hash in hexadecimal is none."""

_HOST = r"(?=[\w.\[%-])"
_VALUE = r"[^\s\"'\\,]"
_Replacement = str | Callable[[re.Match[str]], str]


def _if_random(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if _is_random(found[2]) else found[0]


def _if_a_pair(found: re.Match[str]) -> str:
    try:
        pair = b":" in base64.b64decode(found[2] + "=" * (-len(found[2]) % 4), validate=True)
    except (binascii.Error, ValueError):
        pair = False
    return f"{found[1]}{MASK}" if pair else found[0]


def _is_random(text: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit)
    return all(any(kind(one) for one in text) for kind in kinds) or text.endswith("=")


_RULES: tuple[tuple[str, re.Pattern[str], _Replacement], ...] = (
    # scheme://user:password@host, with a password that may hold a slash or an at sign; its start may lack.
    (
        "@",
        re.compile(rf"(//)[^\s/:@'\"]{{0,200}}:(?!\d+(?:[/?#\s]|$))[^\s'\"]{{0,500}}@{_HOST}"),
        rf"\1{MASK}@",
    ),
    ("@", re.compile(r"(//)[^\s/?#'\"@:]{0,200}:[^\s/?#'\"]{0,500}@"), rf"\1{MASK}@"),
    # http(s)://token@host. A lone user is no secret elsewhere: ssh://git@host stays.
    ("@", re.compile(r"(https?://)[^\s/?#'\"@]{1,500}@", re.I), rf"\1{MASK}@"),
    # user:password@host:port, or :password@host. Not image:tag@sha256:..., not user@host:path.
    (
        "@",
        re.compile(
            r"(?<![^\s\"'(\[=,;`])(?:[\w.%+-]{1,64}:(?!//)[^\s/'\"@:]{3,200}@(?=[\w.-]+(?::\d|/\w))|"
            r":[^\s/'\"@:]{3,200}@(?=[A-Za-z][\w.-]*))(?!(?:sha\d{1,3}|md5):)"
        ),
        f"{MASK}@",
    ),
    ("%40", re.compile(r"(%2F%2F)[\w.+-]{0,200}%3A[^\s&'\"]{1,500}%40", re.I), rf"\1{MASK}%40"),
    (
        "=",
        re.compile(r"([?&;](?:sig|[\w-]{0,40}signature|[\w-]{1,40}credential)=)[^\s&#'\"<>\\]+", re.I),
        rf"\1{MASK}",
    ),
    ("=", re.compile(r"([?&](?:key|code|auth|apikey)=)[^\s&#'\"<>\\]{16,}", re.I), rf"\1{MASK}"),
    # Addresses that are secrets themselves: whoever has one may post.
    (
        "//",
        re.compile(r"(https?://hooks\.[\w.-]{1,100}/(?:services|workflows|triggers)/)[^\s'\"<>\\]+", re.I),
        rf"\1{MASK}",
    ),
    (
        "//",
        re.compile(
            r"(https?://[^\s/'\"]{1,200}/(?:[^\s'\"?#/]{1,60}/){0,4}(?:web)?hooks?(?:b2)?/)[^\s'\"<>\\]{8,}",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    ("//", re.compile(r"(https?://events\.pagerduty\.com/integration/)[^\s'\"<>\\/]+", re.I), rf"\1{MASK}"),
    ("", re.compile(r"\b(?:bot)?\d{8,10}:AA[\w-]{30,}"), MASK),
    # Headers, also as items of a dict or a list.
    (
        "authorization",
        re.compile(
            rf"(authorization\\*[\"']?\s{{0,5}}(?:[:=,]|=>)\s{{0,5}}\[?(?:b?\\*[\"'])?"
            rf"(?:[A-Za-z][\w-]{{2,20}}[ \t]{{1,5}}"
            rf"(?={_VALUE}{{16}})|(?:bearer|basic|token|digest|apikey|negotiate)\s{{1,5}})?){_VALUE}+"
            rf"(?:,?\s?[\w-]{{1,40}}=\\*\"?{_VALUE}+\\*\"?)*",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    (
        "cookie",
        re.compile(
            r"(cookie\\*[\"']?\s{0,5}(?:[:,]|=>)\s{0,5}\[?(?:b?\\*[\"'])?)(?=[^\s=]{1,100}=)[^\n\"'\\]+", re.I
        ),
        rf"\1{MASK}",
    ),
    ("bearer", re.compile(r"(\bbearer\s{1,5})[\w.~+/=-]{12,}", re.I), rf"\1{MASK}"),
    ("basic", re.compile(r"(\bbasic\s{1,5})([A-Za-z0-9+/]{8,}={0,2})", re.I), _if_a_pair),
    # Docker's and npm's files, netrc, pgpass, SQL, options of programs.
    (
        "auth",
        re.compile(r"((?<!\w)_?auth\\*[\"']?\s{0,5}[:=]\s{0,5}\\*[\"']?)([A-Za-z0-9+/]{12,}={0,2})"),
        _if_random,
    ),
    (
        "login",
        re.compile(r"(\b(?:login|account)\s{1,10}\S{1,200}\s{1,10}password\s{1,10})\S+", re.I),
        rf"\1{MASK}",
    ),
    (
        "password",
        re.compile(r"^([ \t]{0,20}password[ \t]{1,10})(?!required|incorrect|missing|is\b)\S+[ \t]*$", re.M),
        rf"\1{MASK}",
    ),
    (
        "",
        re.compile(r"^([\w.*-]{1,200}:(?:\d{4,5}|\*):[\w.*-]{1,100}:[\w.*-]{1,100}:)\S+$", re.M),
        rf"\1{MASK}",
    ),
    (
        "'",
        re.compile(
            r"((?:\bpassword|\bidentified\s{1,5}by)\s{1,5}\\*')(?:[^'\\\n]|''|\\(?!'))+(?=\\*')", re.I
        ),
        rf"\1{MASK}",
    ),
    (
        "-p",
        re.compile(
            r"((?:\bsshpass|\b(?:docker|podman|helm|az|skopeo|buildah)\s[^\n]{0,100}?login|\bmysql\w*|\bmariadb[\w-]*|"
            r"\btwine|\bldap\w+)\s(?:[^\n]{0,200}?\s)?-p\s?)[^\s-]\S*"
        ),
        rf"\1{MASK}",
    ),
    (
        "-u",
        re.compile(r"(\bcurl\s(?:[^\n]{0,200}?\s)?(?:-u|--user)[\s=]?[\"']?[^\s:\"']{1,100}:)[^\s\"']+"),
        rf"\1{MASK}",
    ),
    ("redis-cli", re.compile(r"(\bredis-cli\s(?:[^\n]{0,200}?\s)?-a\s)\S+"), rf"\1{MASK}"),
    # Verifiers of passwords.
    (
        "$",
        re.compile(r"SCRAM-SHA-256\$\S{20,}|\$(?:2[abxy]|5|6|y|argon2\w{1,2}|scrypt)\$[\w./$+=,-]{20,}"),
        MASK,
    ),
    # Keys that are known by their form.
    ("A", re.compile(r"\b(?:AKIA|ASIA|AGPA|AROA|ABIA|ACCA)[A-Z0-9]{16}\b"), MASK),
    ("gh", re.compile(r"(?<![A-Za-z0-9])gh[pousr]_\w{20,}"), MASK),
    ("github_pat_", re.compile(r"github_pat_\w{20,}"), MASK),
    (
        "gl",
        re.compile(r"(?<![A-Za-z0-9])gl(?:[a-z]{2,6}-[\w-]{16,}(?:\.[\w-]+){0,3}|(?:sa|c)_[\w+/=]{20,})"),
        MASK,
    ),
    ("GR1348941", re.compile(r"GR1348941[\w-]{16,}"), MASK),
    ("xox", re.compile(r"\bxox[a-z]-[\w-]{10,}"), MASK),
    ("xapp-", re.compile(r"\bxapp-[\w-]{10,}"), MASK),
    ("AIza", re.compile(r"AIza[\w-]{30,}"), MASK),
    ("ya29.", re.compile(r"\bya29\.[\w-]{20,}"), MASK),
    ("GOCSPX-", re.compile(r"GOCSPX-[\w-]{20,}"), MASK),
    ("npm_", re.compile(r"\bnpm_[A-Za-z0-9]{30,}"), MASK),
    ("pypi-", re.compile(r"\bpypi-AgE[\w-]{20,}"), MASK),
    (
        "_",
        re.compile(r"\b(?:sk|rk|pk)_(?:live|test)_\w{10,}|\bwhsec_[\w+/=]{20,}|\bhf_[A-Za-z0-9]{30,}"),
        MASK,
    ),
    ("sk-", re.compile(r"\bsk-(?=[\w-]{0,60}\d)[\w-]{32,}"), MASK),
    ("SG.", re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}"), MASK),
    ("dapi", re.compile(r"\bdapi[0-9a-f]{32}\b"), MASK),
    ("_v1_", re.compile(r"\bdo[opr]_v1_[0-9a-f]{40,}"), MASK),
    ("dckr_", re.compile(r"\bdckr_(?:pat|oat)_[\w-]{20,}"), MASK),
    ("AT", re.compile(r"\bATATT3[\w=-]{20,}|\bATBB[A-Za-z0-9]{20,}"), MASK),
    ("hv", re.compile(r"\bhv[sbr]\.[\w-]{20,}"), MASK),
    ("AGE-SECRET", re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"), MASK),
    ("eyJ", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){1,3}"), MASK),
)
"""A text without the first part has no match: most lines have none of these parts."""


def mask_forms(text: str) -> str:
    """Mask what is a secret by its form. Never raises."""
    if "--" in text:
        text = _without_keys(text)
    if "Private-" in text:
        text = _PUTTY.sub(rf"\1\n{MASK}", text)
    lower = text.lower()
    for part, pattern, replacement in _RULES:
        if part in text or part in lower:
            text = pattern.sub(replacement, text)
    return _BASE64_LINE.sub(lambda found: MASK if _is_random(found[0]) else found[0], text)


def _without_keys(text: str) -> str:
    """Mask private keys, also those whose beginning or end was cut off."""
    parts, done = list[str](), 0
    end = _END.search(text)
    while (begin := _BEGIN.search(text, done)) is not None:
        while end is not None and end.start() < begin.end():
            end = _END.search(text, end.end())
        if end is not None and end.start() - begin.end() <= _LONGEST_KEY:
            stop = end.end()
        else:
            stop = _BODY.match(text, _ONE_LINE.match(text, begin.end()).end()).end()  # type: ignore[union-attr]
        parts += [text[done : begin.start()], MASK]
        done = stop
    text = "".join([*parts, text[done:]]) if parts else text
    parts, done = [], 0
    while (ended := _END.search(text, done)) is not None:
        parts += [_without_lines_of_a_key(text[done : ended.start()]), MASK]
        done = ended.end()
    return "".join([*parts, text[done:]]) if parts else text


def _without_lines_of_a_key(before: str) -> str:
    lines = before.splitlines(keepends=True)
    while lines and _LINE_OF_A_KEY.fullmatch(lines[-1]):
        lines.pop()
    return "".join(lines)
