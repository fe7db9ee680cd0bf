"""Every module of the product can be imported. Run on the other Pythons by its name, as a file of tests."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import playground
import playground_ops

MODULES = [
    found.name
    for package in (playground_ops, playground)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith(("__main__", "with_poetry"))  # poetry's own Python runs that one
]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_imported(name: str) -> None:
    importlib.import_module(name)
