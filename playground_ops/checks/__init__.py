"""Checks of a running stack, one topic a file: they take values and return findings by component."""
