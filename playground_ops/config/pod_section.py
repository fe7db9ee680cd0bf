"""The keys of `pod`, the settings of a component's pods, and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.scalars import text_of
from playground_ops.config.section import Form, Section, WrittenAs
from playground_ops.core.pod_settings import PodSettings, Resources, ServiceType, Toleration, Volume

_NUMBERS = ("maxSkew", "minDomains", "weight")
"""Fields of an affinity or a spread constraint that are numbers."""


def _passed_on(value: Any, key: str = "") -> Any:
    """Convert what Kubernetes gets unchanged, such as an affinity: text as written, numbers by key."""
    if isinstance(value, dict):
        return {str(text_of(name)): _passed_on(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_passed_on(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and key in _NUMBERS:
        return int(value)
    return text_of(value)


def _spread_once(constraints: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Check the uniqueness of the two keys by which the list is merged (Kubernetes API, PodSpec)."""
    seen = [(str(one.get("topologyKey")), str(one.get("whenUnsatisfiable"))) for one in constraints]
    for pair in seen:
        if seen.count(pair) > 1:
            raise ValueError(f"one constraint for `{pair[0]}` with `{pair[1]}`; there are {seen.count(pair)}")
    return constraints


Affinity = Annotated[
    dict[Literal["nodeAffinity", "podAffinity", "podAntiAffinity"], dict[str, Any]],
    BeforeValidator(_passed_on),
]
SpreadConstraint = Annotated[
    dict[
        Literal[
            "labelSelector",
            "matchLabelKeys",
            "maxSkew",
            "minDomains",
            "nodeAffinityPolicy",
            "nodeTaintsPolicy",
            "topologyKey",
            "whenUnsatisfiable",
        ],
        Any,
    ],
    BeforeValidator(_passed_on),
]
SpreadConstraints = Annotated[rules.Listed[SpreadConstraint], AfterValidator(_spread_once)]


class ResourcesSection(Section, Resources):
    requests: dict[quantities.Resource, quantities.Quantity] = Field(default_factory=dict)
    limits: dict[quantities.Resource, quantities.Quantity] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _requests_fit(self) -> ResourcesSection:
        quantities.resources(self.requests, self.limits)
        return self


class TolerationSection(Section, Toleration):
    key: kubernetes_rules.Key | None = None
    value: kubernetes_rules.LabelValue | None = None
    seconds: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _as_kubernetes_wants_it(self) -> TolerationSection:
        if self.key is None and self.operator == "Equal":
            raise ValueError("a `key`, or `operator: Exists`, which bears every taint")
        if self.operator == "Exists" and self.value:
            raise ValueError("no `value` beside `operator: Exists`")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("`seconds` only beside `effect: NoExecute`")
        return self


class VolumeSection(Section, Volume):
    name: kubernetes_rules.VolumeName
    path: kubernetes_rules.MountPath
    secret: kubernetes_rules.ObjectName | None = None
    config_map: kubernetes_rules.ObjectName | None = None
    claim: kubernetes_rules.ObjectName | None = None
    empty_dir: quantities.Bytes | None = None

    @model_validator(mode="after")
    def _comes_from_one_thing(self) -> VolumeSection:
        sources = ("secret", "config_map", "claim", "empty_dir")
        if sum(getattr(self, key) is not None for key in sources) != 1:
            raise ValueError("exactly one of `secret`, `config_map`, `claim` and `empty_dir`")
        if self.read_only is False and (self.secret or self.config_map):
            raise ValueError("no `read_only: false`: Secrets and ConfigMaps are never written to")
        return self


def _each_by_itself(found: tuple[VolumeSection, ...]) -> tuple[VolumeSection, ...]:
    for key in ("name", "path"):
        seen = [getattr(one, key) for one in found]
        twice = sorted({value for value in seen if seen.count(value) > 1})
        if twice:
            raise ValueError(f"volumes that have a `{key}` of their own: {', '.join(twice)} stands twice")
    return found


_DEFAULT = PodSettings()


class PodSection(Form):
    """All fields of PodSettings except the service account, which the stack sets."""

    image: rules.Image | None = None
    resources: ResourcesSection = ResourcesSection()
    environment: dict[rules.EnvironmentName, rules.EnvironmentValue] = Field(default_factory=dict)
    environment_from_secrets: kubernetes_rules.ObjectNames = ()
    environment_from_config_maps: kubernetes_rules.ObjectNames = ()
    volumes: Annotated[rules.Listed[VolumeSection], AfterValidator(_each_by_itself)] = ()
    node_selector: dict[kubernetes_rules.Key, kubernetes_rules.LabelValue] = Field(default_factory=dict)
    tolerations: rules.Listed[TolerationSection] = ()
    affinity: Affinity = Field(default_factory=dict)
    topology_spread_constraints: SpreadConstraints = ()
    priority_class: kubernetes_rules.ObjectName | None = None
    scheduler_name: kubernetes_rules.ObjectName | None = None
    labels: dict[kubernetes_rules.OwnKey, kubernetes_rules.LabelValue] = Field(default_factory=dict)
    annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)
    image_pull_secrets: kubernetes_rules.ObjectNames = ()
    service_type: ServiceType = _DEFAULT.service_type
    service_annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)
    disruption_budget: bool = _DEFAULT.disruption_budget

    def value(self) -> PodSettings:
        return PodSettings.model_validate(self.model_dump())


Pod = Annotated[PodSettings, WrittenAs(PodSection)]
