"""The stand-in for git-sync does what was observed of v4.2.4, and refuses what it can't do."""
