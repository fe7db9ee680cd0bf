"""Homes of Dagster for the instances of deployments beside the main one, of which `ops` has the passwords."""

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.model import MAIN
from playground_ops.core.yaml_text import dumped
from playground_ops.render import instance
from playground_ops.render.database import password_secret, password_variable


@dataclass(frozen=True)
class Homes:
    configuration: Configuration
    """The whole configuration."""
    main: Path
    """A DAGSTER_HOME of the main deployment."""

    def of(self, deployment: str) -> Path:
        """Return a DAGSTER_HOME of the deployment. Any number of threads may ask at once.

        Raises PlaygroundError where this process has no password of its database.
        """
        if deployment == MAIN:
            return self.main
        view = self.configuration.of(deployment)
        if password_variable(deployment) not in os.environ:
            raise PlaygroundError(_no_password(view))
        wanted = dumped(instance.seen_from_ops(view))
        home = self.main / "deployments" / deployment
        settings = home / "dagster.yaml"
        if not settings.exists() or settings.read_text() != wanted:
            home.mkdir(parents=True, exist_ok=True)
            made = home / f"dagster.yaml.{uuid4().hex}"
            made.write_text(wanted)
            made.replace(settings)
        return home


def _no_password(view: Configuration) -> Finding:
    return transient(
        object=f"deployment/{view.deployment}",
        observed="This process has no password of its database.",
        cause="The deployment was added to the configuration, and the release of `ops` that serves is from "
        f"before; or secret/{password_secret(view)} is not there.",
        fix="Run `deploy` from the stack's folder, which makes a new release of `ops`.",
        whose="surroundings",
    )
