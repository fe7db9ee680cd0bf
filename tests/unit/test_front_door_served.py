"""The front door around Dagster's own webserver: each attack is obeyed by Dagster's, and refused by ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.testclient import TestClient, WebSocketDenialResponse

from playground_ops.frontdoor.deployment_bar import DeploymentBar
from playground_ops.frontdoor.hosts import Hosts
from playground_ops.frontdoor.webserver import StackWebserver
from playground_ops.render.modules import FRONT_DOOR
from tests.unit.test_front_door import HOSTS, LINK

CHANGES = 'setConcurrencyLimit(concurrencyKey: "x", limit: 1)'
DOCUMENTS = {
    "a mutation": (f"mutation {{ {CHANGES} }}", None),
    "whitespace before it": (f"\ufeff\n\t ,,# {{ version }}\n mutation\n{{{CHANGES}}}", None),
    "the second of two": (f"query Q {{ version }} mutation M {{ {CHANGES} }}", "M"),
    "in a fragment": (f"mutation {{ ...f }} fragment f on Mutation {{ {CHANGES} }}", None),
}
EVIL = {"Origin": "http://evil.test", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Served:
    client: TestClient
    instance: DagsterInstance

    @property
    def changed(self) -> bool:
        """Whether something was changed since it was asked last."""
        storage, key = self.instance.event_log_storage, AssetKey("reported")
        limited = bool(storage.get_pool_limits())
        reported = self.instance.get_latest_materialization_event(key) is not None
        if limited:
            storage.delete_concurrency_limit("x")
        if reported:
            self.instance.wipe_assets([key])
        return limited or reported

    def attack(self, method: str, path: str, **more: Any) -> int:
        return self.client.request(method, path, **more).status_code


@contextmanager
def webserver(
    folder: Path, kind: type[DagsterWebserver[Any, Any]], *arguments: Any, read_only: bool = False
) -> Iterator[Served]:
    with (
        DagsterInstance.local_temp(str(folder)) as instance,
        WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), read_only=read_only) as context,
        TestClient(kind(context, *arguments).create_asgi_app(), base_url="http://localhost:3000") as client,
    ):
        yield Served(client, instance)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with webserver(tmp_path_factory.mktemp("plain"), DagsterWebserver) as found:
        yield found


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with webserver(tmp_path_factory.mktemp("ours"), StackWebserver, HOSTS) as found:
        yield found


def attacks(document: str, name: str | None) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return requests that pages of another site can have a browser send, and that Dagster obeys."""
    asked = {"query": document, **({"operationName": name} if name else {})}
    everywhere: list[tuple[str, str, Mapping[str, Any]]] = [
        ("GET", "/graphql", {"params": asked}),
        ("POST", "/graphql", {"params": asked, "headers": {"Content-Type": FORM}}),
        ("POST", "/graphql", {"params": asked}),
        ("POST", "/graphql", {"json": asked, "headers": {"Content-Type": "text/plain; application/json"}}),
        (
            "POST",
            "/graphql",
            {"json": asked, "headers": {"Content-Type": "multipart/form-data; x=application/json"}},
        ),
    ]
    if name is None:
        body = {"content": document.encode(), "headers": {"Content-Type": "text/plain; application/graphql"}}
        everywhere.append(("POST", "/graphql", body))
    return everywhere


OBEYED = [
    ("POST", "/graphql", {"json": {"query": DOCUMENTS["a mutation"][0]}}),
    ("POST", "/report_asset_materialization/reported", {}),
]
"""What is taken from programs and the UI."""
FROM_ELSEWHERE = [
    EVIL,
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "http://localhost:9999", "Sec-Fetch-Site": "same-site"},
    {"Host": "evil.test:3000"},
    {"Host": "evil.test:3000", "Origin": "http://evil.test:3000"},
]


@pytest.mark.parametrize("case", DOCUMENTS)
def test_dagsters_webserver_obeys_a_link_and_a_form_and_ours_does_not(
    case: str, plain: Served, ours: Served
) -> None:
    for method, path, more in attacks(*DOCUMENTS[case]):
        assert plain.attack(method, path, **more) == 200
        assert plain.changed, (method, more)
        assert ours.attack(method, path, **more) in (405, 415)
        assert not ours.changed, (method, more)


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
def test_dagsters_webserver_obeys_pages_of_others_and_ours_does_not(
    headers: dict[str, str], plain: Served, ours: Served
) -> None:
    for method, path, more in OBEYED:
        assert plain.attack(method, path, **more, headers=headers) == 200
        assert plain.changed, path
        assert ours.attack(method, path, **more, headers=headers) == 403
        assert not ours.changed, path


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost:3000"}, {"Host": "10.1.2.3:3000"}], ids=str
)
def test_programs_and_the_ui_are_obeyed(headers: dict[str, str], ours: Served) -> None:
    for method, path, more in OBEYED:
        assert ours.attack(method, path, **more, headers=headers) == 200
        assert ours.changed


@pytest.mark.parametrize(
    "path", ["/", "/server_info", "/graphql", "/logs/x.out", "/download_debug/x", "/nowhere"]
)
def test_no_route_is_beside_the_door(path: str, ours: Served) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        assert ours.attack(method, path, headers={"Host": "evil.test"}) == 403
        assert ours.attack(method, path, headers=EVIL) == 403


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
def test_a_websocket_of_another_page_is_refused_with_a_sentence(
    headers: dict[str, str], plain: Served, ours: Served
) -> None:
    def answer(served: Served) -> str:
        with served.client.websocket_connect(
            "ws://localhost:3000/graphql", ["graphql-ws"], headers={**headers}
        ) as socket:
            socket.send_json({"type": "connection_init"})
            return str(socket.receive_json()["type"])

    assert answer(plain) == "connection_ack"
    with pytest.raises(WebSocketDenialResponse) as denied:
        answer(ours)
    assert denied.value.status_code == 403
    assert denied.value.text.startswith("component/webserver: ")


def test_a_websocket_of_the_ui_subscribes_and_runs_nothing_else(ours: Served) -> None:
    headers = {"Origin": "http://localhost:3000"}
    with ours.client.websocket_connect(
        "ws://localhost:3000/graphql", ["graphql-ws"], headers=headers
    ) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        for number, (document, _) in enumerate(DOCUMENTS.values()):
            socket.send_json({"type": "start", "id": str(number), "payload": {"query": document}})
            said = socket.receive_json()
            assert (said["type"], said["id"]) == ("error", str(number))
            assert "Websockets are for subscriptions alone." in said["payload"]["message"]
        assert not ours.changed
        run = 'subscription { pipelineRunLogs(runId: "x") { __typename } }'
        socket.send_json({"type": "start", "id": "s", "payload": {"query": run}})
        said = socket.receive_json()
        assert (said["type"], said["payload"]["data"]) == (
            "data",
            {"pipelineRunLogs": {"__typename": "PipelineRunLogsSubscriptionFailure"}},
        )


def test_the_pages_are_as_before_and_in_nobodys_frame(plain: Served, ours: Served) -> None:
    for path, accept in [
        ("/", "text/html"),
        ("/graphql", "text/html,*/*"),
        ("/runs/x", "*/*"),
        ("/server_info", "*/*"),
    ]:
        found = ours.client.get(path, headers={"Accept": accept})
        expected = plain.client.get(path, headers={"Accept": accept})
        assert found.status_code == expected.status_code == 200
        assert len(found.text) == len(expected.text)
        assert found.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "X-Frame-Options" not in expected.headers
    assert ours.client.get("/", headers={"Sec-Fetch-Site": "cross-site", **LINK}).status_code == 200


def test_below_a_prefix_it_is_the_same(tmp_path: Path) -> None:
    with webserver(tmp_path, StackWebserver, HOSTS, "/dagster") as found:
        document, name = DOCUMENTS["a mutation"]
        for method, path, more in attacks(document, name):
            assert found.attack(method, f"/dagster{path}", **more) in (405, 415)
            assert not found.changed
        assert found.attack("POST", "/dagster/graphql", json={"query": document}, headers=EVIL) == 403
        assert found.attack("POST", "/dagster/graphql", json={"query": document}) == 200
        assert found.changed
        assert found.client.get("/dagster/server_info").status_code == 200
        assert found.client.get("/", follow_redirects=False).headers["Location"] == "/dagster"


HTML = {"Accept": "text/html"}
HOSTILE = "next</title><script>alert('\"1\"')</script>"


@pytest.mark.parametrize("prefix", ["", "/dagster"])
def test_a_deployment_s_pages_say_which_it_is_and_where_the_main_one_is(
    prefix: str, plain: Served, tmp_path: Path
) -> None:
    """What they were given is text in them, and no script of another one runs there."""
    bar = DeploymentBar(HOSTILE, 'https://dagster.test/x?a=1&b="2')
    with webserver(tmp_path, StackWebserver, HOSTS, prefix, None, bar) as found:
        page = found.client.get(f"{prefix}/runs/x")
        assert "deployment-bar" not in found.client.get(f"{prefix}/graphql", headers=HTML).text
    text, name = page.text, escape(HOSTILE)
    assert f'<title data-next-head="">{name} · Dagster</title>' in text
    assert f'<body><div id="deployment-bar" data-title="{name} · ">Deployment <b>{name}</b> · ' in text
    assert '<a href="https://dagster.test/x?a=1&amp;b=&quot;2">' in text
    assert int(page.headers["Content-Length"]) == len(page.content)
    (nonce,) = re.findall("script-src 'nonce-([0-9a-f]{32})'", page.headers["Content-Security-Policy"])
    scripts = re.findall("<script[^>]*>", text)
    assert len(scripts) == len(re.findall("<script[^>]*>", plain.client.get("/").text)) + 1
    assert all(f'nonce="{nonce}"' in one for one in scripts)


def test_the_main_one_is_linked_where_this_browser_reaches_it(tmp_path: Path) -> None:
    """One of this machine is not, behind a proxy or a tunnel: nobody here knows how that one is reached."""
    hosts, links = (
        Hosts.of(["nas", "next.corp.test"], []),
        {
            "localhost:3000": ["http://localhost:3001"],
            "nas:3000": ["http://nas:3001"],
            "[fd00::1]:3000": ["http://[fd00::1]:3001"],
            "localhost:9000": [],
            "next.corp.test": [],
        },
    )
    bar = DeploymentBar("next", "http://127.0.0.1:3001")
    with webserver(tmp_path, StackWebserver, hosts, "", None, bar) as found:
        # The client tells a server of 3000, as uvicorn does of its socket.
        pages = {host: found.client.get("/", headers={"Host": host}).text for host in links}
    assert {host: linked(text) for host, text in pages.items()} == links
    bars = (DeploymentBar("next", url).above(pages["nas:3000"], "", "") for url in ("", "https://x.test/d"))
    assert [linked(text) for text in bars] == [[], ["https://x.test/d"]]


def linked(page: str) -> list[str]:
    bar = re.findall('<div id="deployment-bar".*?</div>', page)[0]
    found = re.findall('href="([^"]*)"', bar)
    assert found or bar.endswith("beside the main deployment of this stack</div>")
    return found


def test_the_read_only_one_refuses_too_and_changes_nothing_for_programs(tmp_path: Path) -> None:
    with webserver(tmp_path, StackWebserver, HOSTS, read_only=True) as found:
        reload = {"query": "mutation { reloadWorkspace { __typename } }"}
        assert found.attack("POST", "/graphql", json=reload, headers=EVIL) == 403
        said = found.client.post("/graphql", json=reload).json()
        assert said["data"]["reloadWorkspace"]["__typename"] == "UnauthorizedError"
        assert found.attack("POST", "/graphql", json={"query": "{ version }"}) == 200


def test_refusals_are_plain_text_and_logged(ours: Served, caplog: pytest.LogCaptureFixture) -> None:
    found = ours.client.get("/graphql", params={"query": "{ version }"})
    assert found.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert "Send it by POST, as JSON" in found.text
    assert found.text.strip() in [one.getMessage() for one in caplog.records]


def test_another_dagster_in_the_image_is_named(tmp_path: Path) -> None:
    """In place of Dagster's webserver without a word, or of a traceback alone."""
    (tmp_path / "dagster_webserver").mkdir()
    for name in ("__init__", "cli", "webserver"):
        (tmp_path / "dagster_webserver" / f"{name}.py").write_text("")
    ended = subprocess.run(
        [sys.executable, "-m", FRONT_DOOR],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    said = ended.stderr.splitlines()[-1]
    assert said.startswith("component/webserver: It can't start: cannot import name 'DEFAULT_WEBSERVER_PORT'")
    assert "is made for dagster-webserver 1.13, and there is dagster-webserver 1.13." in said
    assert "`images: dagster`" in said
