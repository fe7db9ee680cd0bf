"""The jobs of `ops`: a few lines each, which open the stack and call the engine."""
