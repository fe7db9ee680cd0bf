"""The settings a person may choose for the pods of one component, by their Kubernetes names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from playground_ops.core.frozen_model import FrozenModel

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]


class Toleration(FrozenModel):
    """A toleration, as core/v1 Toleration."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    """How the taint is compared."""
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect."""
    seconds: int | None = None
    """How long the pod stays when the taint appears: `tolerationSeconds`."""


class Resources(FrozenModel):
    """Quantities by resource name. Resources that are not named keep the component's default."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


class Volume(FrozenModel):
    """A folder of the main container, and the one source of its content."""

    name: str
    path: str
    secret: str | None = None
    config_map: str | None = None
    claim: str | None = None
    empty_dir: str | None = None
    """The size of a volume that is deleted with the pod: a quantity."""
    read_only: bool | None = None
    """For a `claim`: `true` where the pods only read. Default: `true` for `secret`, `config_map`."""

    @property
    def is_read_only(self) -> bool:
        return bool(self.secret or self.config_map) if self.read_only is None else self.read_only


class Destination(FrozenModel):
    """A destination that a pod may reach: networking.k8s.io/v1 NetworkPolicyEgressRule."""

    cidr: str
    ports: tuple[int, ...] = ()
    """TCP ports; empty: all ports of all protocols."""


class PodSettings(FrozenModel):
    image: str | None = None
    resources: Resources = Resources()
    environment: dict[str, str] = Field(default_factory=dict)
    environment_from_secrets: tuple[str, ...] = ()
    """Secrets of the namespace whose keys become variables."""
    environment_from_config_maps: tuple[str, ...] = ()
    """ConfigMaps of the namespace likewise; where both have a key, the Secret's value wins."""
    volumes: tuple[Volume, ...] = ()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    affinity: dict[str, Any] = Field(default_factory=dict)
    """core/v1 Affinity, as Kubernetes writes it."""
    topology_spread_constraints: tuple[dict[str, Any], ...] = ()
    """core/v1 TopologySpreadConstraint, likewise."""
    priority_class: str | None = None
    scheduler_name: str | None = None
    """None: the cluster's default scheduler."""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str | None = None
    """None: the namespace's default one, which has no rights. A person can't set it."""
    service_type: ServiceType = "ClusterIP"
    service_annotations: dict[str, str] = Field(default_factory=dict)
    disruption_budget: bool = False
    """Whether its pods may not be evicted while they are well."""

    def placement(self) -> PodSettings:
        """Return the settings for placement and priority, for short-lived pods beside these."""
        return PodSettings(
            image_pull_secrets=self.image_pull_secrets,
            node_selector=self.node_selector,
            tolerations=self.tolerations,
            affinity=self.affinity,
            priority_class=self.priority_class,
            scheduler_name=self.scheduler_name,
        )

    @property
    def mounted_secrets(self) -> set[str]:
        return {one.secret for one in self.volumes if one.secret}


_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": Decimal(1000),
}
_FACTORS |= {unit: Decimal(1000) ** power for power, unit in enumerate("MGTPE", 2)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def amount(quantity: str) -> Decimal:
    """Read a quantity as a number (apimachinery resource.Quantity). Raises ValueError."""
    number = quantity.rstrip("numkKMGTPEi")
    try:
        return Decimal(number) * _FACTORS[quantity[len(number) :]]
    except (KeyError, ArithmeticError):
        raise ValueError(f"{quantity} is not a quantity") from None
