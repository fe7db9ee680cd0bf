"""Turns what a process printed before it ended into a finding a person can act on."""

from playground_ops.diagnose.server_log import explain_exit

__all__ = ["explain_exit"]
