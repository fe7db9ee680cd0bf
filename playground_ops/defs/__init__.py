"""The Dagster shell: the engine as assets, checks, jobs, schedules and sensors; a few lines each."""
