"""Secrets that a process holds itself are masked by value, in whatever form they are said."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground_ops.core import known_secrets
from playground_ops.core.redact import learn, learn_variables, redact


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    known_secrets.forget_all()
    yield
    known_secrets.forget_all()


AGAIN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@AGAIN
@given(
    st.text("abcXYZ0189+/=%\"'\\ äß&<", min_size=8, max_size=40).map(str.strip).filter(lambda v: len(v) > 7)
)
def test_in_whatever_form_it_is_said(middle: str) -> None:
    secret = f"q7{middle}7q"
    learn([secret])
    for said in (
        secret,
        repr({"x": secret}),
        json.dumps({"x": secret}),
        json.dumps(json.dumps({"x": secret}, ensure_ascii=False), ensure_ascii=False),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        repr(secret.encode()),
    ):
        shown = redact(f"nobody knows {said} here")
        assert "***" in shown
        assert "q7" not in shown


@AGAIN
@given(st.binary(max_size=9), st.binary(max_size=9))
def test_in_base64_of_whatever_holds_it(before: bytes, after: bytes) -> None:
    secret = "correct-7-horse-battery-staple"
    learn([secret])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        said = encode(before + secret.encode() + after).decode()
        shown = redact(f"header {said}")
        assert shown == "header ***" or len(shown) < len(f"header {said}") - 30


@pytest.mark.parametrize(
    "value", ["", "1", "true", "dagster", "postgres", "5432", "/srv/x", "eu-central", "changeme"]
)
def test_an_ordinary_word_is_not_for_it_stands_in_much_that_is_said(value: str) -> None:
    learn([value])
    assert redact(f"the {value} of it") == f"the {value} of it"


def test_of_variables_those_with_telling_names_and_passwords_in_urls_are_known() -> None:
    learn_variables(
        {
            "DB_PASSWORD": "s3cret-word",
            "DATABASE_URL": "postgresql://dagster:p%40ss7word@db/x",
            "LOG_LEVEL": "information",
            "REGION": "eu-central-1",
            "UNTOLD": "aB3dE5gH7jK9mN1p",
        }
    )
    shown = redact("s3cret-word p@ss7word p%40ss7word information eu-central-1 aB3dE5gH7jK9mN1p dagster")
    assert shown == "*** *** *** information eu-central-1 *** dagster"


def test_a_key_of_several_lines_is_known_by_its_lines() -> None:
    learn(["-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG\n-----END X-----"])
    assert "MIIEv" not in redact("line MIIEvQIBADANBgkqhkiG of it")
