"""The configuration file: read, checked, and turned into values; every fault at once."""

from playground_ops.config.configuration import Configuration
from playground_ops.config.digest import digest
from playground_ops.config.load import load, read
from playground_ops.config.location_section import OPS

__all__ = ["OPS", "Configuration", "digest", "load", "read"]
