"""Environments that uv makes from what a project locks or requires, wherever its release runs."""
