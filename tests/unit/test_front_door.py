"""What the front door refuses, as a decision: method and headers in, a refusal out."""

from __future__ import annotations

import click
import pytest
from dagster_webserver.cli import dagster_webserver
from hypothesis import given
from hypothesis import strategies as st

from playground_ops.frontdoor import command, operations
from playground_ops.frontdoor.hosts import Hosts, address, origin
from playground_ops.frontdoor.refusals import Asked, refusal

HOSTS = Hosts.of(["ui.corp.test"], ["dagster-webserver.dev"])
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "WEBSOCKET")
LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
CHROME_ASKS = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}


def asked(method: str, host: str = "localhost:3000", **headers: str) -> Asked:
    named = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    return Asked(method, {"host": (host,), **named})


def told(method: str, host: str = "localhost:3000", **headers: str) -> str:
    found = refusal(asked(method, host, **headers), HOSTS)
    return found.text if found else ""


KNOWN = [
    *(
        "localhost",
        "localhost:3000",
        "LocalHost.:3000",
        "127.0.0.1:3000",
        "[::1]:3000",
        "[fe80::1]",
        "::1"[:0],
    ),
    *("10.244.0.7:3000", "192.0.2.1", "ui.corp.test", "UI.corp.test.:8443"),
    *("dagster-webserver:3000", "dagster-webserver.dev", "dagster-webserver.dev.svc:3000"),
    *("dagster-webserver.dev.svc.cluster.local", "dagster-webserver.dev.svc.cluster.local.:3000"),
]
UNKNOWN = [
    *(
        "evil.test",
        "evil.test:3000",
        "localhost.evil.test",
        "evillocalhost",
        "127.0.0.1.evil.test",
        "x.localhost",
    ),
    *(
        "ui.corp.test.evil.test",
        "sub.ui.corp.test",
        "corp.test",
        "ui.corp.test@evil.test",
        "localhost:3000:80",
    ),
    *("dagster-webserver.dev.svc.evil.test", "dagster-webserver.prod", "127.1", "2130706433", "0x7f.0.0.1"),
    *(
        "localhost:99999",
        "localhost, evil.test",
        "localhost/",
        "localhost#",
        "[evil.test]",
        "[localhost]",
        "[]",
    ),
    *(" localhost", "local\x00host", "löcalhost", "localhost..", ".", "::1", "localhost:x"),
]


@pytest.mark.parametrize("method", METHODS)
def test_programs_and_probes_that_call_it_by_a_name_of_its_own_are_let_in(method: str) -> None:
    """curl, Dagster's GraphQL client, the daemon, kubelet with the pod's address, a load balancer."""
    assert [host for host in KNOWN if told(method, host)] == []
    assert refusal(Asked(method), HOSTS) is None


@pytest.mark.parametrize("method", METHODS)
def test_a_host_that_is_not_known_is_refused_with_the_key_to_set(method: str) -> None:
    assert [host for host in UNKNOWN if not told(method, host)] == []
    said = told(method, "dagster.corp.test:8443")
    assert "as `dagster.corp.test:8443`" in said
    assert "`allowed_hosts: [dagster.corp.test]` below `webserver`" in said
    twice = Asked(method, {"host": ("localhost", "evil.test")})
    assert refusal(twice, HOSTS)


def test_a_sentence_repeats_nothing_that_is_no_host_name() -> None:
    assert "<script>" not in told("GET", "<script>alert(1)</script>")
    assert "<script>" not in told("GET", origin="http://<script>alert(1)</script>")
    assert "<script>" not in told("POST", sec_fetch_site="<script>")
    assert "\x1b" not in told("\x1b[2J", sec_fetch_site="cross-site")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "Same-Origin", "same-origin, cross-site", ""])
@pytest.mark.parametrize("host", ["localhost:3000", "ui.corp.test", "dagster-webserver:3000"])
def test_what_the_browser_says_another_site_sends_is_refused(method: str, site: str, host: str) -> None:
    said = told(method, host, sec_fetch_site=site, sec_fetch_mode="cors", sec_fetch_dest="empty")
    assert "A page of another site" in said
    assert told(method, host, sec_fetch_site=site), "also without a mode"
    twice = Asked(method, {"host": (host,), "sec-fetch-site": ("same-origin", site)})
    assert refusal(twice, HOSTS)


def test_a_link_from_anywhere_leads_to_a_page_and_nothing_else_does() -> None:
    """A chat's link, or the way back from a login; not a frame, in which the clicks are a person's own."""
    for site in ("cross-site", "same-site", "none"):
        assert not told("GET", sec_fetch_site=site, **LINK_KEYS)
    assert told("POST", sec_fetch_site="cross-site", **LINK_KEYS), "a form"
    for dest in ("iframe", "frame", "embed", "object", "image", "script", "empty"):
        assert told("GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest=dest)
    assert told("WEBSOCKET", sec_fetch_site="cross-site", **LINK_KEYS)


LINK_KEYS = {name.replace("-", "_"): value for name, value in LINK.items()}
OWN_PAGES = [
    ("localhost:3000", "http://localhost:3000"),
    ("localhost", "http://localhost"),
    ("localhost:80", "http://localhost"),
    ("127.0.0.1:3000", "http://127.0.0.1:3000"),
    ("[::1]:3000", "http://[::1]:3000"),
    ("10.1.2.3:30080", "http://10.1.2.3:30080"),
    ("ui.corp.test", "https://ui.corp.test"),
    ("ui.corp.test:443", "https://ui.corp.test"),
    ("ui.corp.test:8443", "https://UI.corp.test:8443"),
]
OTHER_PAGES = [
    *[
        ("localhost:3000", page)
        for page in ("http://localhost:9999", "http://localhost", "https://localhost")
    ],
    *[
        ("localhost:3000", page)
        for page in ("http://127.0.0.1:3000", "http://evil.test", "http://evil.test:3000")
    ],
    *[
        ("localhost:3000", page)
        for page in ("null", "", "file://", "chrome-extension://abc", "localhost:3000")
    ],
    *[
        ("localhost:3000", page)
        for page in ("http://localhost:3000.evil.test", "http://localhost:3000@evil.test")
    ],
    *[("localhost:3000", page) for page in ("http://localhost:3000/x", "http://localhost:3000 http://x")],
    ("ui.corp.test", "https://sub.ui.corp.test"),
    ("ui.corp.test", "http://ui.corp.test:9999"),
    ("ui.corp.test:3000", "http://ui.corp.test"),  # another program of that machine, at its port 80
    ("10.1.2.3:3000", "http://10.1.2.3:9999"),
    # `dagster-webserver.dev` may be anybody's domain, rebound to a forwarded port.
    ("dagster-webserver.dev:3000", "http://dagster-webserver.dev:3000"),
    ("dagster-webserver:3000", "http://dagster-webserver:3000"),
]
CHANGED_ON_THE_WAY = [
    "dagster-webserver:3000",
    "dagster-webserver.dev.svc.cluster.local:3000",
    "10.1.2.3:3000",
]


@pytest.mark.parametrize("method", METHODS)
def test_pages_of_the_ui_itself_may_ask(method: str) -> None:
    asks = {name.replace("-", "_"): value for name, value in CHROME_ASKS.items()}
    for host, page in OWN_PAGES:
        assert (host, told(method, host, origin=page)) == (host, "")
        assert (host, told(method, host, origin=page, **asks)) == (host, "")


@pytest.mark.parametrize("method", METHODS)
def test_pages_of_another_origin_may_not_whatever_the_method(method: str) -> None:
    assert [pair for pair in OTHER_PAGES if not told(method, pair[0], origin=pair[1])] == []
    assert refusal(Asked(method, {"origin": ("http://evil.test",)}), HOSTS), "a page without a Host"
    two = Asked(method, {"host": ("localhost",), "origin": ("http://localhost", "http://evil.test")})
    assert refusal(two, HOSTS)


@pytest.mark.parametrize("host", CHANGED_ON_THE_WAY)
def test_behind_a_proxy_that_changes_host_the_configured_page_may_ask(host: str) -> None:
    """By the browser's word at any port; without it, as at plain http, at the scheme's own port alone."""
    assert not told("POST", host, origin="https://ui.corp.test")
    assert not told("POST", host, origin="https://ui.corp.test:8443", sec_fetch_site="same-origin")
    assert told("POST", host, origin="http://ui.corp.test:9999")
    assert told("POST", host, origin="https://ui.corp.test", sec_fetch_site="same-site")
    said = told("POST", host, origin="https://new.corp.test", sec_fetch_site="same-origin")
    assert "A page of https://new.corp.test asked" in said
    assert "`allowed_hosts: [new.corp.test]`" in said
    forwarded = {"origin": "https://evil.test", "x_forwarded_host": "evil.test"}
    assert told("POST", host, **forwarded), "anybody may say what was forwarded"


def test_nobody_is_told_to_allow_what_is_allowed() -> None:
    assert "allowed_hosts" not in told("POST", origin="http://localhost:9999")
    assert "allowed_hosts" not in told("POST", "ui.corp.test", origin="http://ui.corp.test:9999")


TEXT = st.text(st.characters(codec="latin-1"), max_size=30)
PIECES = st.sampled_from(
    ["localhost", "ui.corp.test", "evil.test", "127.0.0.1", ":", "@", ".", "/", "[", "]", "3000"]
)
HOST_LIKE = st.lists(PIECES, max_size=6).map("".join) | TEXT


@given(method=st.sampled_from(METHODS), host=HOST_LIKE, page=HOST_LIKE, site=st.none() | TEXT)
def test_no_header_is_too_strange_and_no_other_page_comes_through(
    method: str, host: str, page: str, site: str | None
) -> None:
    headers: dict[str, tuple[str, ...]] = {"host": (host,), "origin": (f"http://{page}",)}
    if site is not None:
        headers["sec-fetch-site"] = (site,)
    if refusal(Asked(method, headers), HOSTS) is None:
        to, came = address(host), origin(f"http://{page}")
        assert to is not None
        assert came is not None
        assert came.address.host in (to.host, "ui.corp.test")
        assert HOSTS.answer_to(to)
        assert HOSTS.are_public(came.address)
        assert site in (None, "same-origin", "none")


@given(host=st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True))
def test_a_name_that_nobody_configured_is_answered_to_only_if_it_is_an_address(host: str) -> None:
    to = address(host)
    if to is not None and not told("GET", host):
        assert HOSTS.are_public(to) or to.host in HOSTS.internal


SUBSCRIPTION = "subscription { locationStateChangeEvents { event { eventType } } }"


@pytest.mark.parametrize(
    "document",
    [
        "{ version }",
        'mutation { setConcurrencyLimit(concurrencyKey: "x", limit: 1) }',
        f"{SUBSCRIPTION} query Q {{ version }}",
        "fragment f on Mutation { reloadWorkspace { __typename } } mutation { ...f }",
        "\ufeff \n,# subscription\n mutation M { reloadWorkspace { __typename } }",
    ],
)
def test_a_websocket_takes_documents_of_subscriptions_alone(document: str) -> None:
    assert operations.over_websocket(document)


def test_a_subscription_is_taken_and_what_does_not_parse_is_told_by_dagster() -> None:
    assert operations.over_websocket(f"{SUBSCRIPTION} fragment f on Query {{ version }}") is None
    assert operations.over_websocket("subscription {") is None
    assert operations.over_websocket(None)
    assert operations.over_websocket([SUBSCRIPTION])


def test_each_option_of_dagsters_command_is_one_of_the_front_doors() -> None:
    """One of a later Dagster ends the start, where nothing would be done about it (`command._run`)."""
    own = [one.name for one in command.command().params]
    assert own == [*(one.name for one in dagster_webserver.params), *(one.name for one in command.OWN)]


def test_an_address_of_the_main_ui_is_one_for_a_browser() -> None:
    with pytest.raises(click.BadParameter, match="http://"):
        command.command().main(["--main-url", "javascript:alert(1)"], standalone_mode=False)
