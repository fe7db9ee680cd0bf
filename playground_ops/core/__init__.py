"""Values, rules and the interface of a target: values in, values out, no I/O, no Dagster."""
