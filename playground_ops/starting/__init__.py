"""The files of a new stack's repository, as text. No process in a cluster needs them."""
