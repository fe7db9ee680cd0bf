"""Containers' logs: read, merged, followed."""
