"""The versions of Kubernetes that a stack runs on."""

from __future__ import annotations

OLDEST = (1, 30)
"""The first with all that is used: ValidatingAdmissionPolicy as v1, and commands in pods whose input can be
ended (`v5.channel.k8s.io`)."""
NEWEST = (1, 37)
"""The last whose schemas every object is checked by. A later one is not refused: what is used is stable."""
