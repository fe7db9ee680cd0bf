"""Measurements of the product against a lower bound from the same run: `python -m benchmarks`."""
