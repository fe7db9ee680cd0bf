"""The package that A and B serve before they have a repository."""
