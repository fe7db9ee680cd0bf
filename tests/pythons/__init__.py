"""The pure tests on the other Pythons that this project supports."""
