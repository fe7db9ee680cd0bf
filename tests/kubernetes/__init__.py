"""Tests of what the product makes, on a real Kubernetes."""
