"""The sensors of `ops`: pushes, records of rollouts, health, notifications."""
