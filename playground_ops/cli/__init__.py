"""The command line: the same engine as the jobs, for a terminal and for CI."""

from playground_ops.cli.main import main

__all__ = ["main"]
