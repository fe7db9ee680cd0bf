"""The stack as supervised processes on one machine, under one state folder."""
