"""Pages of other origins in a real browser, and what they get from the stack's webserver."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from playground_ops.render.modules import FRONT_DOOR
from tests.asking import Asking, eventually
from tests.session import needs
from tests.session.needs import BROWSER
from tests.stacks import free_port
from tests.ui.conftest import chromium

MODULE = FRONT_DOOR
"""With `dagster_webserver` in its place each attack succeeds (tests/unit/test_front_door_served.py)."""
EVIL, NAMED = "evil.test", "ui.test"
"""Names that the browser resolves to this machine; the second one is configured."""
MAIN = "https://dagster.test/main"
LIMIT = 'mutation {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'


@dataclass(frozen=True)
class Attacked(Asking):
    port: int

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def done(self) -> set[str]:
        """The keys that attacks have set."""
        found = self.graphql("{ instance { concurrencyLimits { concurrencyKey } } }")
        return {one["concurrencyKey"] for one in found["instance"]["concurrencyLimits"]}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    (home / "workspace.yaml").write_text("load_from: []")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}")
    named = ["--allowed-host", NAMED, "--deployment", "next"] if MODULE == FRONT_DOOR else []
    named += ["--main-url", MAIN] if MODULE == FRONT_DOOR else []
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, "-w", str(home / "workspace.yaml"), "-p", str(port), *named],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        cwd=home,
    )
    found = Attacked(port)

    def answers() -> bool:
        assert process.poll() is None
        try:
            return bool(urlopen(f"{found.ui}/server_info", timeout=5).status == 200)
        except OSError:
            return False

    try:
        eventually("the webserver to answer", answers)
        yield found
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def victim() -> Iterator[webdriver.Chrome]:
    if needs.lacking(BROWSER):
        needs.refuse(BROWSER)
    rules = f"--host-resolver-rules=MAP {EVIL} 127.0.0.1, MAP {NAMED} 127.0.0.1"
    found = chromium(shutil.which("chromedriver") or "", rules)
    try:
        yield found
    finally:
        found.quit()


FETCH = """
    const [url, options, done] = arguments;
    fetch(url, options).then(async (r) => done([r.type, r.status, await r.text()]), (e) => done([String(e)]));
"""
FORM = """
    const [url, query, enctype] = arguments, form = document.createElement('form');
    Object.assign(form, {method: 'POST', action: url, enctype});
    const input = document.createElement('input');
    Object.assign(input, {name: 'query', value: query});
    form.appendChild(input); document.body.appendChild(form); form.submit();
"""
SOCKET = """
    const [url, query, done] = arguments, socket = new WebSocket(url, 'graphql-ws'), seen = [];
    socket.onopen = () => socket.send(JSON.stringify({type: 'connection_init'}));
    socket.onmessage = (m) => {
        seen.push(JSON.parse(m.data).type);
        if (seen.length == 1) socket.send(JSON.stringify({type: 'start', id: '1', payload: {query}}));
        else { socket.close(); done(seen); }
    };
    socket.onerror = () => done(['refused']);
"""
FRAME = """
    const [url, done] = arguments, frame = document.createElement('iframe');
    frame.onload = () => done(frame.contentWindow.length + ' frames');
    frame.src = url; document.body.appendChild(frame);
"""


@dataclass(frozen=True)
class Attacker:
    """A page of another origin, and the address by which it asks for the UI."""

    browser: webdriver.Chrome
    page: str
    target: str

    def open(self) -> None:
        self.browser.get(self.page)

    def fetch(self, path: str, **options: Any) -> list[Any]:
        self.open()
        found: list[Any] = self.browser.execute_async_script(FETCH, f"{self.target}{path}", options)
        return found

    def follow(self, path: str) -> str:
        """Go there as a link or `location = ...` does. Returns the text of the page that opens."""
        self.open()
        self.browser.execute_script("location = arguments[0]", f"{self.target}{path}")
        return self._text()

    def submit(self, path: str, query: str, enctype: str) -> str:
        self.open()
        self.browser.execute_script(FORM, f"{self.target}{path}", query, enctype)
        return self._text()

    def speak(self, query: str) -> list[str]:
        self.open()
        url = f"ws{self.target.removeprefix('http')}/graphql"
        found: list[str] = self.browser.execute_async_script(SOCKET, url, query)
        return found

    def _text(self) -> str:
        def shown() -> str:
            there = self.browser.current_url.startswith(self.target)
            return there and str(
                self.browser.execute_script("return document.body && document.body.innerText")
            )

        return str(eventually("another page", shown, 20.0))


WAYS = {
    "a site": (f"http://{EVIL}:{{other}}", "http://127.0.0.1:{ui}"),
    "a site, to a name without TLS": (f"http://{EVIL}:{{other}}", f"http://{NAMED}:{{ui}}"),
    "another port of this machine": ("http://localhost:{other}", "http://localhost:{ui}"),
    "a rebound name": (f"http://{EVIL}:{{other}}", f"http://{EVIL}:{{ui}}"),
}
"""Where the page is, and how it addresses the UI. Without TLS a browser sends no Sec-Fetch-Site to a name."""


@pytest.mark.parametrize("way", WAYS)
def test_pages_of_others_change_nothing(
    way: str, victim: webdriver.Chrome, attacked: Attacked, elsewhere: int
) -> None:
    page, target = (one.format(other=elsewhere, ui=attacked.port) for one in WAYS[way])
    attacker = Attacker(victim, page, target)
    query = LIMIT.format(key=quote(way))
    by_get, body = f"/graphql?query={quote(query)}", json.dumps({"query": query})

    said = attacker.follow(by_get)
    assert said.startswith("component/webserver: ") or "GraphiQL" in victim.title, said
    assert attacked.done == set(), "a link"
    for options in (
        {"mode": "no-cors"},
        {
            "mode": "no-cors",
            "method": "POST",
            "headers": {"Content-Type": "text/plain; application/json"},
            "body": body,
        },
        {"mode": "no-cors", "method": "POST"},
        {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body},
        {"mode": "no-cors", "method": "POST", "referrerPolicy": "no-referrer"},
    ):
        answer = attacker.fetch(by_get, **options)
        assert len(answer) == 1 or answer[0] == "opaque", "nothing is read of the answer"
        assert attacked.done == set(), options
    attacker.fetch("/report_asset_materialization/reported", mode="no-cors", method="POST")
    assert attacked.graphql("{ assetRecordsOrError { ... on AssetRecordConnection { assets { id } } } }") == {
        "assetRecordsOrError": {"assets": []}
    }
    for enctype in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        assert attacker.submit(by_get, query, enctype).startswith("component/webserver: ")
        assert attacked.done == set(), enctype
    assert attacker.speak(query) == ["refused"]


def test_a_page_that_had_its_own_name_rebound_reads_and_changes_nothing(
    victim: webdriver.Chrome, attacked: Attacked
) -> None:
    """The browser takes it for the UI's own page: no Origin differs, and it could read every answer."""
    rebound = f"http://{EVIL}:{attacked.port}"
    page = Attacker(victim, rebound, rebound)
    for options in ({}, {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": "{}"}):
        kind, status, said = page.fetch("/graphql", **options)
        assert (kind, status) == ("basic", 403)
        assert f"It was asked as `{EVIL}:{attacked.port}`" in said
        assert f"`allowed_hosts: [{EVIL}]`" in said
    assert page.speak(LIMIT.format(key="rebound")) == ["refused"]
    assert attacked.done == set()


def test_the_ui_is_shown_in_nobodys_frame_and_a_link_to_it_works(
    victim: webdriver.Chrome, attacked: Attacked, elsewhere: int
) -> None:
    for host in ("127.0.0.1", NAMED):
        page = Attacker(victim, f"http://{EVIL}:{elsewhere}", f"http://{host}:{attacked.port}")
        page.open()
        victim.set_script_timeout(20)
        victim.execute_async_script(FRAME, f"{page.target}/runs")
        victim.switch_to.frame(0)
        if host == NAMED:  # the browser does not say whose frame it is for, and keeps the answer to itself
            assert victim.execute_script("return location.href").startswith("chrome-error:")
        else:
            assert _body(victim).startswith("component/webserver: A page of another site")
        page.follow("/runs")
        eventually("the UI", lambda: "Runs" in victim.title, 60)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", NAMED])
def test_the_ui_itself_asks_changes_and_subscribes(
    host: str, victim: webdriver.Chrome, attacked: Attacked
) -> None:
    ui = f"http://{host}:{attacked.port}"
    own = Attacker(victim, f"{ui}/server_info", ui)
    query = 'mutation { deleteConcurrencyLimit(concurrencyKey: "x") }'
    options = {
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"query": query}),
    }
    kind, status, said = own.fetch("/graphql", **options)
    assert (kind, status, json.loads(said)) == ("basic", 200, {"data": {"deleteConcurrencyLimit": True}})
    assert own.speak('subscription { pipelineRunLogs(runId: "x") { __typename } }') == [
        "connection_ack",
        "data",
    ]
    victim.get(f"{ui}/deployment/concurrency")
    eventually("the page of limits", lambda: "oncurrency" in victim.title + _body(victim), 60)


GEOMETRY = """
    const bar = document.getElementById('deployment-bar').getBoundingClientRect();
    const root = document.getElementById('root').getBoundingClientRect();
    return [bar.top, root.top - bar.bottom, innerHeight - root.bottom, root.height > innerHeight - 30];
"""


def test_a_deployment_s_pages_say_which_it_is_above_all_that_is_dagster_s(
    victim: webdriver.Chrome, attacked: Attacked
) -> None:
    victim.get(f"{attacked.ui}/jobs")
    eventually("the title that the UI itself sets, marked", lambda: victim.title == "next · Jobs", 60)
    victim.find_element(By.LINK_TEXT, "Automation").click()
    eventually("that of the next page", lambda: victim.title == "next · Automation", 60)
    assert _body(victim).startswith("Deployment next · open the main one")
    assert victim.find_element(By.LINK_TEXT, "open the main one").get_attribute("href") == MAIN
    assert victim.execute_script(GEOMETRY) == [0, 0, 0, True], "it covers nothing, and nothing is cut off"


def _body(browser: webdriver.Chrome) -> str:
    return str(browser.execute_script("return document.body.innerText"))
