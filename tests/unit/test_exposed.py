"""Who may open the UI: what is warned about, and the second webserver that changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from playground_ops.cli.main import cli
from playground_ops.config.unsupported import exposed
from playground_ops.core.errors import BadInput
from playground_ops.render.stack import render
from tests.rendered import ROOT, SUPPORTED, faults
from tests.unit.test_render import configuration

LOOK = "webserver: {read_only: true}\n"
EXAMPLE = ROOT / "docs" / "examples" / "oauth2-proxy.yaml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "kubernetes: {ingress: {host: dagster.internal}}",
            "`kubernetes.ingress` leads from dagster.internal",
        ),
        ("webserver: {pod: {service_type: NodePort}}", "service_type` is NodePort"),
        (
            "deployments: [{name: next, webserver: {pod: {service_type: NodePort}}}]",
            "`webserver.pod.service_type` of deployment `next` is NodePort",
        ),
        (
            "kubernetes: {ingress: {host: x.test, annotations: {auth-url: y}}}\n"
            "deployments: [{name: next, webserver: {ingress: {host: next.test}}}]",
            "`webserver.ingress` of deployment `next` leads from next.test",
        ),
        ("webserver: {pod: {service_type: LoadBalancer}}", "service_type` is LoadBalancer"),
    ],
)
def test_a_ui_that_others_can_open_is_warned_of(text: str, said: str) -> None:
    (warning,) = exposed(configuration(text), "kubernetes")
    assert said in warning
    assert "docs/login.md" in warning
    assert exposed(configuration(text), "local") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kubernetes: {ingress: {host: x.internal, annotations: {nginx.ingress.kubernetes.io/auth-url: 'https://x'}}}",
        LOOK + "kubernetes: {read_only_ingress: {host: look.internal}}",
    ],
    ids=["default", "a login", "for many eyes"],
)
def test_what_is_behind_a_login_or_changes_nothing_is_not(text: str) -> None:
    assert exposed(configuration(text), "kubernetes") == []


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", 1), ("10.1.2.3", 1), ("127.0.0.1", 0), ("::1", 0)])
def test_a_machine_that_listens_on_an_address_that_others_reach(host: str, warned: int) -> None:
    found = exposed(configuration(f"webserver: {{host: '{host}'}}"), "local")
    assert len(found) == warned
    assert all(host in one for one in found)


def test_validate_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "configvalues.yaml"
    file.write_text("kubernetes: {ingress: {host: dagster.internal}}")
    told = CliRunner().invoke(cli, ["validate", "--config", str(file), "--target", "kubernetes"])
    assert told.exit_code == 0
    assert "warning: `kubernetes.ingress` leads from dagster.internal" in told.stderr


def second(text: str) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in render(configuration(text)).get("webserver-read-only", [])}


def test_the_second_webserver_is_there_when_it_is_asked_for() -> None:
    assert second("") == {}
    found = second(LOOK)
    assert set(found) == {"Service", "Deployment"}
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][-1] == "--read-only"
    (first,) = [one for one in render(configuration(LOOK))["webserver"] if one["kind"] == "Deployment"]
    assert "--read-only" not in first["spec"]["template"]["spec"]["containers"][0]["args"]
    assert found["Service"]["spec"]["selector"] == {"app": "dagster-webserver-read-only"}
    assert first["spec"]["selector"] == {"matchLabels": {"app": "dagster-webserver"}}, "no pod is of both"


def test_it_has_an_ingress_and_a_prefix_of_its_own() -> None:
    found = second(
        LOOK + "kubernetes: {ingress: {host: x.internal, path: /all}, "
        "read_only_ingress: {host: look.internal, path: /look}}"
    )
    (rule,) = found["Ingress"]["spec"]["rules"]
    assert rule["host"] == "look.internal"
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["backend"]["service"]["name"]) == ("/look", "dagster-webserver-read-only")
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][-7:] == [
        *("--path-prefix", "/look"),
        *("--service", "dagster-webserver-read-only.dagster"),
        *("--allowed-host", "look.internal"),
        "--read-only",
    ]
    assert container["readinessProbe"]["httpGet"]["path"] == "/look/server_info"


def test_an_ingress_to_one_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="Add `read_only: true` to `webserver`"):
        configuration("kubernetes: {read_only_ingress: {host: look.internal}}")


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_example_of_a_login_fits_the_schemas(version: str) -> None:
    found = list(yaml.safe_load_all(EXAMPLE.read_text()))
    assert [one["kind"] for one in found] == ["Deployment", "Service", "Ingress", "NetworkPolicy"]
    assert [fault for one in found for fault in faults(one, version)] == []


def test_the_example_leads_to_what_is_rendered() -> None:
    """Its upstream is the UI's Service, from a pod that is allowed to reach it."""
    (service,) = [one for one in render(configuration())["webserver"] if one["kind"] == "Service"]
    name, (port,) = service["metadata"]["name"], service["spec"]["ports"]
    assert f"--upstream=http://{name}:{port['port']}" in EXAMPLE.read_text()
    (policy,) = [
        one
        for one in render(configuration())["foundation"]
        if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", name)
    ]
    assert policy["spec"]["ingress"] == [{"ports": [{"port": port["port"], "protocol": "TCP"}]}]
