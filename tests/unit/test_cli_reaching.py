"""Which pods a component's name stands for, and where the Ingress leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.cli.reaching import selector_of
from playground_ops.config import read
from playground_ops.core.errors import BadInput

NAMED = "code_locations: [{name: a}, {name: a-1}]"


@pytest.mark.parametrize(
    ("component", "selector"),
    [
        ("webserver", "app=dagster-webserver"),
        ("postgres", "app=dagster-postgres"),
        ("ops", "app=dagster-grpc-ops"),
        ("a", "app=dagster-grpc-a"),
        ("a-3", "app=dagster-grpc-a,playground.dagster/release=3"),
        ("a-1", "app=dagster-grpc-a-1"),
        ("a-1-12", "app=dagster-grpc-a-1,playground.dagster/release=12"),
    ],
)
def test_a_component_is_its_pods(component: str, selector: str) -> None:
    assert selector_of(read(NAMED, Path("x.yaml")), component) == selector


def test_an_unknown_one_is_told_what_there_is() -> None:
    with pytest.raises(BadInput, match=r"There are: webserver, daemon, postgres, ops, a, a-1; .* a-1-1\."):
        selector_of(read(NAMED, Path("x.yaml")), "b-2")


@pytest.mark.parametrize(
    ("ingress", "address"),
    [
        ("", None),
        ("ingress: {host: d.test}", "http://d.test"),
        ("ingress: {host: d.test, path: /ui, tls_secret: tls}", "https://d.test/ui"),
    ],
)
def test_the_address_of_the_ingress(ingress: str, address: str | None) -> None:
    found = read(f"kubernetes: {{{ingress}}}", Path("x.yaml")).kubernetes.ingress
    assert (found and found.url) == address
