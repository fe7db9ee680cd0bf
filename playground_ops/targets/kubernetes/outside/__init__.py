"""What a person does to a cluster from outside. Nothing of it travels into the cluster."""
