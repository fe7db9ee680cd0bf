"""The definitions that Dagster loads as the management location `ops`."""

import os

import dagster as dg

from playground_ops.core.redact import learn_variables
from playground_ops.defs.assembly import definitions

learn_variables(os.environ)
defs: dg.Definitions = definitions()
