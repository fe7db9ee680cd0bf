"""The version of this program, which a pod has without its package's metadata.

It stands in no file that webserver and daemon are given: a new version alone restarts neither.
"""

__version__ = "0.2.0"
