"""What Dagster loads; nothing else."""

import dagster as dg

defs = dg.Definitions()
