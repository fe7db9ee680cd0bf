"""Where a stack runs. The only code that talks to processes or to a cluster."""
