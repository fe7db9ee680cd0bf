"""Pods as they are found, and pods that do one thing."""
