"""Programs in the pod of a release from git: the one before its server, and the server's start."""
