"""The keys of `pod`, the settings of a component's pods, and their rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.scalars import text_of
from playground_ops.config.section import Form, Section, WrittenAs
from playground_ops.config.shape import Shape
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
    """What a node has to have free, by resource. Default: the component's."""
    limits: dict[quantities.Resource, quantities.Quantity] = Field(default_factory=dict)
    """What it may take, by resource. Default: the component's."""

    @model_validator(mode="after")
    def _requests_fit(self) -> ResourcesSection:
        quantities.resources(self.requests, self.limits)
        return self


class TolerationSection(Section, Toleration):
    key: Annotated[kubernetes_rules.Key, Shape("as in Kubernetes")] | None = None
    """The taint's key."""
    value: Annotated[kubernetes_rules.LabelValue, Shape("as in Kubernetes")] | None = None
    """The taint's value; none beside `operator: Exists`."""
    seconds: Annotated[int, Field(ge=0)] | None = None
    """How long the pod stays when the taint appears: `tolerationSeconds`. Default: for ever."""

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
    """The volume's name."""
    path: kubernetes_rules.MountPath
    """Where the container finds it."""
    secret: kubernetes_rules.SecretName | None = None
    """Exactly one of `secret`, `config_map`, `claim` and `empty_dir` is what it comes from. A Secret's files
    are readable by the pod's user alone (mode 0440)."""
    config_map: kubernetes_rules.ObjectName | None = None
    """A ConfigMap that it comes from."""
    claim: kubernetes_rules.ObjectName | None = None
    """A PersistentVolumeClaim that it comes from."""
    empty_dir: quantities.Bytes | None = None
    """Room that goes with the pod; one that takes more is evicted."""

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
    """For a location without a repository: the code is in the image. Default: that of `images`."""
    resources: ResourcesSection = ResourcesSection()
    """What is not named keeps the component's default. Default: the component's."""
    environment: dict[rules.EnvironmentName, rules.EnvironmentValue] = Field(default_factory=dict)
    """Variables; not for secrets."""
    environment_from_secrets: Annotated[kubernetes_rules.ObjectNames, Shape("list of Secrets")] = ()
    """Each key of each becomes a variable ([when one changes](kubernetes.md#secrets))."""
    environment_from_config_maps: Annotated[kubernetes_rules.ObjectNames, Shape("list of ConfigMaps")] = ()
    """Likewise; where both have a key the Secret's counts."""
    volumes: Annotated[rules.Listed[VolumeSection], AfterValidator(_each_by_itself)] = ()
    """Folders of the main container, whole ones; not the stack's own, nor in or above one."""
    node_selector: dict[kubernetes_rules.Key, kubernetes_rules.LabelValue] = Field(default_factory=dict)
    """Labels of the nodes it may run on."""
    tolerations: rules.Listed[TolerationSection] = ()
    """Taints it bears."""
    affinity: Annotated[Affinity, Shape("as in Kubernetes")] = Field(default_factory=dict)
    """`nodeAffinity`, `podAffinity`, `podAntiAffinity`, passed on as they are."""
    topology_spread_constraints: Annotated[SpreadConstraints, Shape("list, as in Kubernetes")] = ()
    """Passed on as they are."""
    priority_class: Annotated[kubernetes_rules.ObjectName, Shape("PriorityClass")] | None = None
    """Who gets room first."""
    scheduler_name: kubernetes_rules.ObjectName | None = None
    """Who gives the pods their nodes. Default: the cluster's."""
    labels: dict[kubernetes_rules.OwnKey, kubernetes_rules.LabelValue] = Field(default_factory=dict)
    """Added to the pods."""
    annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)
    """Added to the pods."""
    image_pull_secrets: Annotated[kubernetes_rules.ObjectNames, Shape("list of Secrets")] = ()
    """For a private registry."""
    service_type: ServiceType = _DEFAULT.service_type
    """The type of the Service of webserver or postgres; code servers are for the cluster alone."""
    service_annotations: dict[kubernetes_rules.OwnKey, rules.Text] = Field(default_factory=dict)
    """Added to the Service, as load balancers want them; no new release."""
    disruption_budget: bool = _DEFAULT.disruption_budget
    """Nobody may evict its pods while they are well: `kubectl drain` waits ([why not
    always](decisions.md))."""

    def value(self) -> PodSettings:
        return PodSettings.model_validate(self.model_dump())


Pod = Annotated[PodSettings, WrittenAs(PodSection)]
