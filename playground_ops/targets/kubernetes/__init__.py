"""The Kubernetes target: the only code that talks to a cluster."""
