"""Renders a configuration to Kubernetes objects: values in, values out. One component a file."""
