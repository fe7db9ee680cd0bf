"""YAML as this project writes it into files of others."""

from __future__ import annotations

from typing import Any


def dumper() -> Any:
    """Return the class that writes YAML: libyaml's where PyYAML has it, which is much faster."""
    import yaml

    return getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def dumped(value: Any) -> str:
    """Return the value as YAML, its keys in their order."""
    import yaml

    return str(yaml.dump(value, Dumper=dumper(), sort_keys=False))
