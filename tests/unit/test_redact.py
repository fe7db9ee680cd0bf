from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playground_ops.core.redact import redact

SECRET = st.text(
    "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+_~%!", min_size=12, max_size=40
).filter(lambda word: word not in "Authorization: client_secret: postgresql: PGPASSWORD")
"""Never a part of the surrounding text."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://bob:hunter2@git.example/x.git", "https://***@git.example/x.git"),
        ("https://ghtoken@git.example/x.git", "https://***@git.example/x.git"),
        ("postgresql+psycopg2://u:p@ss/w@db:5432/d", "postgresql+psycopg2://***@db:5432/d"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("host=db password='hun ter2' user=x", "host=db password='***' user=x"),
        ('{"password": "hunter2", "user": "bob"}', '{"password": "***", "user": "bob"}'),
        ("AWS_SECRET_ACCESS_KEY=abc/def+1", "AWS_SECRET_ACCESS_KEY=***"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("x --token s3cr3t y", "x --token *** y"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc", "***"),
    ],
)
def test_a_secret_is_masked(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@git.example/x.git",
        "git@git.example:team/x.git",
        "https://git.example:8443/x.git",
        "http://127.0.0.1:3000/locations/a@b",
        "fatal: could not read Password for 'https://git.example': terminal prompts disabled",
        "Host key verification failed.",
        "secret git-credentials not found",
        "basic authentication is off",
    ],
)
def test_what_a_person_needs_to_read_stays(text: str) -> None:
    assert redact(text) == text


@given(secret=SECRET, before=st.text(max_size=30), after=st.text(max_size=30))
def test_no_secret_survives_in_any_of_the_forms_it_comes_in(secret: str, before: str, after: str) -> None:
    for form in (
        f"https://user:{secret}@host/x",
        f"postgresql://user:{secret}@host/x",
        f"PGPASSWORD={secret}",
        f'"client_secret": "{secret}"',
        f"Authorization: Bearer {secret}",
    ):
        assert secret not in redact(f"{before} {form} {after}").replace(before, "").replace(after, "")


NAMES = st.from_regex(r"[A-Z]{2,6}_(API_TOKEN|PASSWORD|SECRET_KEY|ACCESS_KEY)(_[A-Z]{1,5})?", fullmatch=True)


@given(name=NAMES, other=NAMES)
@example(name="TOKEN", other="AB_API_TOKEN")
def test_a_line_that_looks_a_secret_up_stays_with_both_names(name: str, other: str) -> None:
    for form in (
        f"    {name} = os.environ['{other}']",
        f'{name.lower()} = environ.get( "{other}" )',
        f"{name}: str = os.getenv('{other}')",
        f'client(token=dg.EnvVar("{other}"), user="bob")',
        f"{name} = EnvVar('{other}').get_value()",
        f"{name.lower()}: {{env: {other}}}",
        f"export {name}=${{{other}}} && run",
        f"KeyError: '{other}'",
    ):
        assert redact(form) == form


@given(name=NAMES, other=NAMES, secret=SECRET)
def test_of_an_assignment_the_name_is_kept_and_the_value_masked(name: str, other: str, secret: str) -> None:
    for form in (
        f"{name}={secret} run",
        f"{name} = '{secret}'",
        f'{name} == "{secret}"',
        f'{{"{name}": "{secret}", "user": "bob"}}',
        f'os.environ["{name}"] = "{secret}"',
        f'{name}: str | None = "{secret}"',
        f"{name} = b'{secret}'",
        f"{name} = 'it\\'s {secret}'",
        f'{name} = "{secret}',  # cut off
        f'{name} = SecretStr("{secret}")',
        f'{name} = cipher.decrypt(key(1), "{secret}")',
        f'{name} = os.environ.get("{other}", "{secret}")',
        f'{name} = os.environ.get("{other}") or "{secret}"',
        f'run --{name.lower()} "it is {secret}" -v',
    ):
        shown = redact(form)
        assert secret not in shown
        assert name.lower() in shown.lower()
        assert (other in shown) == (other in form)


@given(st.text(max_size=300))
def test_masking_twice_changes_nothing_more_in_a_url_and_never_raises(text: str) -> None:
    once = redact(f"{text} https://u:p@h/x")
    assert "u:p@" not in once.replace(text, "")
    redact(once)


@pytest.mark.parametrize(
    "line",
    [
        *("a" * 200_000, "a.-_" * 50_000, "://" * 60_000, "password" * 25_000, ":@" * 99_999),
        *("token=a(" * 25_000, 'token="' * 30_000, "token=a[(" * 25_000, "token=environ['" * 15_000),
        *(
            "password: |\n  a\n" * 20_000,
            "password='a''" * 20_000,
            "-----BEGIN PRIVATE KEY-----\nA\n" * 9_000,
        ),
        *("\\" * 200_000, "\x1b]" * 100_000, "//a:" * 60_000, "https://a/hooks/" * 15_000, "a:b@" * 60_000),
    ],
)
def test_a_very_long_line_takes_no_time_to_speak_of(line: str) -> None:
    started = time.process_time()
    redact(line)
    assert time.process_time() - started < 5
