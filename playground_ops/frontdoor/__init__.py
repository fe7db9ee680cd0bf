"""The stack's own webserver: Dagster's, with what a browser or a stranger may ask of it.

It imports Dagster and `core/errors.py`, no more of this project: these files are what a pod has of it
(`render/modules.py`).
"""
