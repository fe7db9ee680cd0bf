"""The configuration file: read, checked, and turned into values; every fault at once."""

from playground_ops.config.configuration import OPS, Configuration
from playground_ops.config.digest import digest
from playground_ops.config.load import load, read

__all__ = ["OPS", "Configuration", "digest", "load", "read"]
