"""The objects of a stack apart from its releases: plan, apply, inspect, delete."""
