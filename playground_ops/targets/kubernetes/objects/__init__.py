"""The objects of a stack beside its releases: planned, applied, looked at, ended."""
