"""Finds pods and ends them, and runs pods for one task."""
