"""Secrets in every notation in which they were seen, and text that only looks like one."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.core.redact import redact

S = "hunter2xyz"
PAIR = "Ym9iOmh1bnRlcjJ4eXo="
"""`bob:` and S in base64."""
LONG = S * 4

QUOTED = (
    '{"password": "a\\"hunter2xyz"}',
    json.dumps({"a": json.dumps({"password": S})}),
    json.dumps({"a": json.dumps({"b": json.dumps({"password": f'x"{S}'})})}),
    f'password=\\"{S}\\"',
    f'"password": "{S}',
    f"password = b'{S}'",
    repr({"password": S, "u": 1}),
    repr({"password": S.encode(), "u": 1}),
    f"password='ab''{S}'",
    f"password='it'\\''s {S}'",
    f'password="""{S}"""',
    f"password = ('a' '{S}')",
    f'"tokens": ["{S}", "{S}"]',
    f"tokens: [{S}, {S}]",
    f"password: str = '{S}'",
    f"password=Secret({S})",
    f"password=>'{S}'",
    f"password := {S}",
    f"%22password%22%3A%22{S}%22",
    f"&quot;password&quot;: &quot;{S}&quot;",
    f"<password>{S}</password>",
    f'("password", "{S}")',
    f'["--password", "{S}"]',
    f'{{"name": "DB_PASSWORD", "value": "{S}"}}',
    f"- name: DB_PASSWORD\n  value: {S}\n",
    f'{{"cmd": "x password={S}\\nuser=1"}}',
)
BLOCKS = (
    f"password: |\n  {S}\n  {S}\nuser: bob",
    f"a:\n  password: >-\n    {S}\n\n    {S}\n  user: bob",
    f"password:\n  {S}\nuser: bob",
    f"tokens:\n- {S}\n- {S}",
    f'password: "a\n  {S}"\nuser: bob',
    json.dumps({"file": f"password: |\n  {S}\n"}),
)
NAMED = (
    *(
        f"{name}={S}"
        for name in ("DB_PASS", "db-pass", "dbPass", "PASS", "MYSQL_PWD", "api_key", "ENCRYPTION_KEY")
    ),
    *(
        f"{name}: {S}"
        for name in ("pass", "X-Api-Key", "Private-Token", "clientSecret", "passphrase", "webhook_url")
    ),
    f"password: correct horse {S}",
    f"PGPASSWORD=ab,{S}",
    f"password=ab){S}",
    f"password%3D{S}",
    f"pass\x1b[0mword={S}",
    f"pass\u200bword={S}",
    f"--db-pass {S}",
    f"kubectl create secret generic x --from-literal=password={S}",
    f"docker run -e PASSWORD={S} x",
    f"Server=x;Password={S};Database=y",
    f"AccountName=x;AccountKey={S}==;Endpoint=y",
    f"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={S}=",
)
KEYS = (
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: x\n\n{S}\n=ab\n-----END PGP PRIVATE KEY BLOCK-----",
    f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{S}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{S}\n{S}",
    f"{S}\n{S}==\n-----END RSA PRIVATE KEY-----\nok",
    json.dumps({"key": f"-----BEGIN PRIVATE KEY-----\n{S}\n{S}\n"}),
    f"10:00:01 INFO Ab1{S * 5}cdefghijklm",
    f"Private-Lines: 1\n{LONG}\n",
)
TOKENS = (
    *(
        f"{kind}-{S}{S}"
        for kind in ("glpat", "glrt", "glptt", "gldt", "glcbt", "glsoat", "glft", "glimt", "glagent")
    ),
    *(f"github_pat_{LONG}", f"ghp_{LONG}", f"AIza{LONG}", f"npm_{LONG}", f"pypi-AgEIcHlwaS5vcmc{LONG}"),
    f"https://hooks.slack.com/services/T000/B000/{S}",
    f"https://discord.com/api/webhooks/123/{S}",
    f"https://x.webhook.office.com/webhookb2/{S}@a/IncomingWebhook/{S}/1",
    f"https://chat.internal/hooks/{S}",
    f"https://x.blob.core.windows.net/c?sv=1&sig={S}%3D&se=2",
    *(f"Authorization: Basic {PAIR}", f"AUTHORIZATION: {S}", f"sent Basic {PAIR} to it"),
    f"Authorization: AWS4-HMAC-SHA256 Credential={S}/x, SignedHeaders=host, Signature={S}",
    *(f"Cookie: session={S}; a={S}", f"Set-Cookie: sid={S}; Path=/", f"{{'Authorization': 'Bearer {S}'}}"),
    f"jwt eyJhbGciOiJI.eyJzdWIiOiIx.{S}",
)
PROGRAMS = (
    *(
        f"sshpass -p {S} ssh x",
        f"mysql -u root -p{S} db",
        f"docker login -u x -p {S}",
        f"redis-cli -a {S} ping",
    ),
    *(
        f"curl -u bob:{S} https://x",
        f"machine h login u password {S}",
        f"machine h\n login u\n password {S}\n",
    ),
    *(
        f"db:5432:d:u:{S}",
        f'{{"auths": {{"r": {{"auth": "{PAIR}"}}}}}}',
        f"//reg/:_authToken={S}",
        f"_auth={PAIR}",
    ),
    *(f"ALTER ROLE x PASSWORD '{S}'", f"CREATE USER x IDENTIFIED BY '{S}'"),
)
URLS = (
    *(
        f"//user:{S}@host/x",
        f":{S}@host/x",
        f"user:{S}@db.internal:5432/x",
        f"user:{S}@db/x",
        f"https://{S}@host/",
    ),
    *(f"?token={S}&a=1", f"postgresql://u:p#{S}@h/d", f"amqp://u:{S}@h", f"https://u:{S}%40@h"),
    *(f"jdbc:postgresql://h/db?user=u&password={S}", f"http%3A%2F%2Fu%3A{S}%40host"),
)


@pytest.mark.parametrize("text", [*QUOTED, *BLOCKS, *NAMED, *KEYS, *TOKENS, *PROGRAMS, *URLS])
def test_it_is_masked(text: str) -> None:
    shown = redact(text)
    assert S not in shown
    assert PAIR[:-2] not in shown
    assert "***" in shown


@pytest.mark.parametrize("text", [text for text in (*QUOTED, *BLOCKS, *KEYS) if text.startswith('{"')])
def test_a_document_stays_one(text: str) -> None:
    assert json.loads(redact(text)).keys() == json.loads(text).keys()


@given(st.text(min_size=8, max_size=30).map(lambda text: f"Zq7{text}"), st.integers(0, 3))
def test_however_deep_strings_are_in_strings(secret: str, depth: int) -> None:
    document = {"password": secret, "user": "bob"}
    for _ in range(depth):
        document = {"inner": json.dumps(document, ensure_ascii=False), "user": "bob"}
    shown = redact(json.dumps(document, ensure_ascii=False))
    assert "Zq7" not in shown
    assert "bob" in shown
    json.loads(shown)


def test_what_stands_around_a_block_stays() -> None:
    assert redact(f"a:\n  password: |\n    {S}\n  user: bob\n") == "a:\n  password: |\n    ***\n  user: bob\n"
    assert redact(f"tokens:\n- {S}\nuser: bob") == "tokens:\n- ***\nuser: bob"
    assert (
        redact(f"-----BEGIN PRIVATE KEY-----\n{S}\nERROR: it can't be read") == "***\nERROR: it can't be read"
    )


READABLE = (
    "2026-11-30 09:23:24 +0000 - dagster - INFO - nightly - 1f0c9a - ENGINE_EVENT - Started (pid: 1234).",
    '  File "/opt/app/x.py", line 12, in connect\n    return connect(host=host, password=password)',
    "    token = self._token or get_token()",
    "TypeError: connect() missing 1 required keyword-only argument: 'password'",
    'connection to "db" (10.0.0.1), port 5432 failed: FATAL:  password authentication failed for user "x"',
    "SELECT id, password_hash, token FROM users WHERE token = %s AND password IS NOT NULL;",
    "CREATE TABLE t (id int, token text, password varchar(255));",
    "def connect(user: str, password: str, token: str | None = None) -> None:",
    'tokens = line.split(",")',
    "token = secrets.token_hex(16)",
    'if not token:\n    raise ValueError("no token")',
    "class Token(BaseModel):\n    secret: Secret\n    secrets: dict[str, str]",
    'return f"password={password}"',
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "python:3.12@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  file.whl",
    *(
        "git@github.com:org/repo.git",
        "from:bob@example.com",
        "author: Bob <bob@example.com>",
        "npm:foo@1.2.3",
    ),
    "pip install foo @ git+https://github.com/x/y@v1.2",
    "Done. PASS=10 WARN=0 ERROR=0 SKIP=0 TOTAL=10",
    "the asset check did not pass: the total is -1",
    *("PASS: tests/x.sh", "12 passed, 3 failed", "PWD=/home/bob", "OLDPWD=/tmp", "compass=north bypass=1"),
    *("secretName: git-credentials", "secretKeyRef:\n  name: db", "password: null", '{"token": true}'),
    *("tokens: 512", "max_tokens=4096", "token_file=/run/x", "--password-file /run/x", "key=value"),
    *("http://localhost:4000/x?key=asset", "monkey=1 keyboard: us", "asset key: orders", "primary_key=id"),
    'Warning  FailedMount  MountVolume.SetUp failed for volume "x" : secret "git" not found',
    'INFO:     127.0.0.1:54321 - "GET /server_info HTTP/1.1" 200 OK',
    *("x.py:12:3: E501 line too long", '{"credentials": {"user": "bob"}, "x": 1}', "cookie: missing"),
)


@pytest.mark.parametrize("text", READABLE)
def test_what_only_looks_like_one_stays_readable(text: str) -> None:
    assert redact(text) == text


def test_a_megabyte_of_a_log_is_quick() -> None:
    text = "".join(f"{line}\n" for line in (*READABLE, *NAMED)) * 250
    began = time.process_time()
    redact(text[:1_000_000])
    assert time.process_time() - began < 5
