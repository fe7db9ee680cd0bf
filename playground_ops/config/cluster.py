"""Facts from the cluster that decide what is rendered and that are in no configuration file."""

from pydantic import Field

from playground_ops.config.configuration import Configuration
from playground_ops.core.frozen_model import FrozenModel


class ClusterFacts(FrozenModel):
    secret_versions: dict[str, str] = Field(default_factory=dict)
    """The versions of Secrets and ConfigMaps that pods read, by name."""
    allowed: dict[str, list[str]] = Field(default_factory=dict)
    """What `ops` from git may use (`render/allowed.py`), as it was or is about to be applied."""
    live_runs: tuple[str, ...] = ()
    """Container contexts of the live releases, which decide what pods their runs may have."""


class InCluster(Configuration):
    """A configuration with the facts of the cluster that it is for."""

    facts: ClusterFacts


def in_cluster(configuration: Configuration, facts: ClusterFacts) -> InCluster:
    fields = {name: getattr(configuration, name) for name in Configuration.model_fields}
    return InCluster.model_construct(**fields, facts=facts)


def facts_of(configuration: Configuration) -> ClusterFacts:
    """Return the facts; a configuration that was only read has empty ones."""
    return configuration.facts if isinstance(configuration, InCluster) else ClusterFacts()
