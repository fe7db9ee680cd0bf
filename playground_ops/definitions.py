"""The definitions that Dagster loads as the management location `ops`."""

import dagster as dg

from playground_ops.defs.assembly import definitions

defs: dg.Definitions = definitions()
