"""Containers' logs: read, merge and follow them."""
