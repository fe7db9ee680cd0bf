"""What the product makes, on a real Kubernetes."""
