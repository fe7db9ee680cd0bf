"""YAML as this project writes it into files of others."""

from __future__ import annotations

from typing import Any


def dumped(value: Any) -> str:
    """Return the value as YAML, its keys in their order. libyaml, where PyYAML has it, is much faster."""
    import yaml

    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False))
