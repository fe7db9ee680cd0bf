"""Rollouts and what they need: order, waiting, deadlines, gates, going back."""
