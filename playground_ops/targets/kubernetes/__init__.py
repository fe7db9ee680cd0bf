"""The cluster: the only code that talks to one."""
