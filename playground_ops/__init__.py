"""Install and operate the Dagster stack that this code location lives in."""
