"""The health of the stack: examined, judged, and reported to people outside."""
