"""The stack's own webserver: Dagster's, with what a browser or a stranger may ask of it.

It imports Dagster, and of this project `core/errors.py` with what that needs: a pod has no more of it
(`render/modules.py`).
"""
