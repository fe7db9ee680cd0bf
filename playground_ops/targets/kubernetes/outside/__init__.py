"""What a person does to a cluster from outside. This code is not in the archive for the cluster."""
