"""Whether the stack is well: looked at, judged, and told to people outside."""
