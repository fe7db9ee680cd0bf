"""What a person may set of the pods of one component, by the names that Kubernetes has for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from playground_ops.value import Value

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]


class Toleration(Value):
    """core/v1 Toleration."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    seconds: int | None = None
    """How long the pod stays when the taint appears: `tolerationSeconds`."""


class Resources(Value):
    """Quantities by resource name. What is not named keeps the component's default."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


class PodSettings(Value):
    image: str | None = None
    resources: Resources = Resources()
    environment: dict[str, str] = Field(default_factory=dict)
    environment_from_secrets: tuple[str, ...] = ()
    """Secrets of the namespace whose keys become variables."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    image_pull_secrets: tuple[str, ...] = ()
    service_type: ServiceType = "ClusterIP"


_FACTORS = {"m": Decimal("0.001"), "": Decimal(1), "k": Decimal(1000)}
_FACTORS |= {unit: Decimal(1000) ** power for power, unit in enumerate("MGTPE", 2)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def amount(quantity: str) -> Decimal:
    """A quantity as a number (apimachinery resource.Quantity). Raises ValueError."""
    number = quantity.rstrip("kKmMGTPEi")
    try:
        return Decimal(number) * _FACTORS[quantity[len(number) :]]
    except (KeyError, ArithmeticError):
        raise ValueError(f"{quantity} is not a quantity") from None
