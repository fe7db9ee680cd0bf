"""The keys that matter on Kubernetes alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from playground_ops.config import address, kubernetes_rules, quantities, rules
from playground_ops.config.scalars import text_of
from playground_ops.config.section import EnvironmentName, EnvironmentValue, Section
from playground_ops.config.store import ArtifactsStoreSection
from playground_ops.core.pod_settings import PodSettings, ServiceType

Quantity = Annotated[str, BeforeValidator(text_of), AfterValidator(quantities.quantity)]
Bytes = Annotated[str, BeforeValidator(text_of), AfterValidator(quantities.bytes_quantity)]
Resource = Annotated[str, AfterValidator(quantities.resource)]
QuotaResource = Annotated[str, AfterValidator(quantities.quota_resource)]
Key = Annotated[str, AfterValidator(kubernetes_rules.label_key)]
OwnKey = Annotated[str, AfterValidator(kubernetes_rules.own_label_key)]
LabelValue = Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.label_value)]
Text = Annotated[str, BeforeValidator(text_of), AfterValidator(rules.text)]
ObjectName = Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.object_name)]
ObjectNames = Annotated[list[ObjectName], AfterValidator(kubernetes_rules.each_once)]
Affinity = Annotated[
    dict[Literal["nodeAffinity", "podAffinity", "podAntiAffinity"], dict[str, Any]],
    BeforeValidator(kubernetes_rules.passed_on),
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
    BeforeValidator(kubernetes_rules.passed_on),
]
SpreadConstraints = Annotated[list[SpreadConstraint], AfterValidator(kubernetes_rules.spread_once)]
Image = Annotated[str, AfterValidator(rules.image)]
ContainerPath = Annotated[str, AfterValidator(kubernetes_rules.container_path)]
IndexUrl = Annotated[str, BeforeValidator(text_of), AfterValidator(address.index)]
ConnectionParameter = Annotated[str, AfterValidator(kubernetes_rules.connection_parameter)]


class ResourcesSection(Section):
    requests: dict[Resource, Quantity] = Field(default_factory=dict)
    limits: dict[Resource, Quantity] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _requests_fit(self) -> ResourcesSection:
        quantities.resources(self.requests, self.limits)
        return self


class TolerationSection(Section):
    key: Key | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: LabelValue | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
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


class VolumeSection(Section):
    name: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.volume_name)]
    path: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.mount_path)]
    secret: ObjectName | None = None
    config_map: ObjectName | None = None
    claim: ObjectName | None = None
    empty_dir: Bytes | None = None
    read_only: bool | None = None

    @model_validator(mode="after")
    def _comes_from_one_thing(self) -> VolumeSection:
        sources = ("secret", "config_map", "claim", "empty_dir")
        if sum(getattr(self, key) is not None for key in sources) != 1:
            raise ValueError("exactly one of `secret`, `config_map`, `claim` and `empty_dir`")
        if self.read_only is False and (self.secret or self.config_map):
            raise ValueError("no `read_only: false`: Secrets and ConfigMaps are never written to")
        return self


def _each_by_itself(found: list[VolumeSection]) -> list[VolumeSection]:
    for key in ("name", "path"):
        seen = [getattr(one, key) for one in found]
        twice = sorted({value for value in seen if seen.count(value) > 1})
        if twice:
            raise ValueError(f"volumes that have a `{key}` of their own: {', '.join(twice)} stands twice")
    return found


class PodSection(Section):
    image: Image | None = None
    resources: ResourcesSection = ResourcesSection()
    environment: dict[EnvironmentName, EnvironmentValue] = Field(default_factory=dict)
    environment_from_secrets: ObjectNames = Field(default_factory=list)
    environment_from_config_maps: ObjectNames = Field(default_factory=list)
    volumes: Annotated[list[VolumeSection], AfterValidator(_each_by_itself)] = Field(default_factory=list)
    node_selector: dict[Key, LabelValue] = Field(default_factory=dict)
    tolerations: list[TolerationSection] = Field(default_factory=list)
    affinity: Affinity = Field(default_factory=dict)
    topology_spread_constraints: SpreadConstraints = Field(default_factory=list)
    priority_class: ObjectName | None = None
    scheduler_name: ObjectName | None = None
    labels: dict[OwnKey, LabelValue] = Field(default_factory=dict)
    annotations: dict[OwnKey, Text] = Field(default_factory=dict)
    image_pull_secrets: ObjectNames = Field(default_factory=list)
    service_type: ServiceType = "ClusterIP"
    service_annotations: dict[OwnKey, Text] = Field(default_factory=dict)
    disruption_budget: bool = False

    def settings(self) -> PodSettings:
        return PodSettings.model_validate(self.model_dump())


class IsolationSection(Section):
    namespace: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.namespace)] | None = (
        None
    )
    quota: Annotated[dict[QuotaResource, Quantity], AfterValidator(quantities.quota)] = Field(
        default_factory=dict
    )
    database: bool = False


class DestinationSection(Section):
    cidr: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.cidr)]
    ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(default_factory=list)


class IngressSection(Section):
    host: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.host)]
    class_name: ObjectName | None = None
    path: Annotated[str, AfterValidator(kubernetes_rules.url_path)] = "/"
    tls_secret: ObjectName | None = None
    annotations: dict[OwnKey, Text] = Field(default_factory=dict)


class PackagesSection(Section):
    index_url: IndexUrl | None = None
    extra_index_urls: list[IndexUrl] = Field(default_factory=list)
    secret: ObjectName | None = None


class KubernetesSection(Section):
    context: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.context)] | None = None
    namespace: Annotated[str, BeforeValidator(text_of), AfterValidator(kubernetes_rules.namespace)] = (
        "dagster"
    )
    storage_class: ObjectName | None = None
    artifacts: Bytes = "10Gi"
    artifacts_access: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteOnce"
    artifacts_store: ArtifactsStoreSection | None = None
    network_policies: bool = True
    admission_policy: bool = True
    packages: PackagesSection = PackagesSection()
    ingress: IngressSection | None = None
    read_only_ingress: IngressSection | None = None
    ops: PodSection = PodSection()


class ExternalPostgresSection(Section):
    host: Annotated[str, AfterValidator(rules.host)]
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: Text = "dagster"
    user: Text = "dagster"
    parameters: dict[ConnectionParameter, EnvironmentValue] = Field(default_factory=dict)


class BackupsSection(Section):
    schedule: Annotated[str, AfterValidator(quantities.cron_schedule)] | None = None
    kept: Annotated[int, Field(ge=1, le=1000)] = 7


class PostgresSection(Section):
    storage: Bytes = "10Gi"
    password_secret: ObjectName | None = None
    external: ExternalPostgresSection | None = None
    backups: BackupsSection = BackupsSection()
    pod: PodSection = PodSection()
