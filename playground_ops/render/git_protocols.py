"""How any git of this stack may transfer: by the protocols of `config/address.py`, and by no other.

A submodule, a redirect or a person's `insteadOf` can name another one, and some run programs (`ext::`).
`user` is git's own rule for files: an address that somebody configured may be one, a submodule's may not.
"""

from collections.abc import Mapping, Sequence

ALLOWED = ("https", "http", "ssh", "git")
OPTIONS: Sequence[tuple[str, str]] = (
    ("protocol.allow", "never"),
    *((f"protocol.{name}.allow", "always") for name in ALLOWED),
    ("protocol.file.allow", "user"),
)
"""Settings of git (git-config, `protocol.allow`)."""
_OVERRULING = ("GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER")
"""Variables that count more than the configuration."""


def variables(options: Sequence[tuple[str, str]], first: int = 0) -> dict[str, str]:
    """Return variables that configure git and all that it starts; `first` of them are set already."""
    found: dict[str, str] = {}
    for number, (key, value) in enumerate(options, start=first):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**found, "GIT_CONFIG_COUNT": str(first + len(options))}


def restricted(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment whose git keeps to them; what it has of git's configuration stays."""
    kept = {name: value for name, value in environ.items() if name not in _OVERRULING}
    count = environ.get("GIT_CONFIG_COUNT", "")
    return {**kept, **variables(OPTIONS, int(count) if count.isdecimal() else 0)}


def exported(first: int) -> str:
    """Return the same for a shell, in which `first` settings are made by others."""
    return "export " + " ".join(f"{name}={value}" for name, value in variables(OPTIONS, first).items())
