"""What runs in the pod of a release from git, before its server and as its server."""
