"""Rollouts and what surrounds them: order, waiting, deadlines, gates, going back."""
