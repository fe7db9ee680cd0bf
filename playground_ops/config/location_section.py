"""The keys of code locations, in either form of the file, and of the source of `ops`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Form, Section, WrittenAs
from playground_ops.core.model import MAIN, DefinedKind, Dependencies, InImage, Isolation, Location
from playground_ops.core.pod_settings import Destination, PodSettings

OPS = Location(name="ops", module="playground_ops.definitions")
"""The management location, part of every stack. Only its source is configured."""
_DEFAULT = Location(name="default")


def _repo(value: Any) -> Any:
    """Accept `repo: URL` as short for `repo: {url: URL}`."""
    return {"url": value} if isinstance(value, str) else value


def _isolation(value: Any) -> Any:
    """Accept `isolation: true` as short for an empty mapping."""
    return ({} if value else None) if isinstance(value, bool) else value


def _destinations(value: Any) -> Any:
    """Accept `egress: closed` as short for an empty list."""
    if isinstance(value, str) and value != "closed":
        raise ValueError("`closed`, or a list such as `[{cidr: 10.20.0.0/16, ports: [5432]}]`")
    return [] if value == "closed" else value


class RepoSection(Section):
    url: rules.Repository | None = None
    ref: rules.Ref | None = None
    subdirectory: rules.Subdirectory = _DEFAULT.subdirectory
    secret: kubernetes_rules.ObjectName | None = None
    allowed_refs: rules.Listed[rules.RefPattern] = ()

    def of_location(self) -> dict[str, Any]:
        """Return the values by the names of Location's fields."""
        return {
            "repository": self.url,
            "ref": self.ref if self.url else None,
            "subdirectory": self.subdirectory,
            "allowed_refs": self.allowed_refs,
            "git_secret": self.secret if self.url else None,
        }


Repo = Annotated[RepoSection, BeforeValidator(_repo)]


class IsolationSection(Section, Isolation):
    namespace: kubernetes_rules.Namespace | None = None
    quota: quantities.Quota = Field(default_factory=dict)


class DestinationSection(Section, Destination):
    cidr: kubernetes_rules.Cidr
    ports: rules.Listed[rules.Port] = ()


_OF_AN_IMAGE = {"image", "python_file", "working_directory"}


class LocationSection(Form):
    name: rules.LocationName
    repo: Repo = RepoSection()
    image: rules.Image | None = None
    python_file: kubernetes_rules.ContainerPath | None = None
    working_directory: kubernetes_rules.ContainerPath | None = None
    module: rules.Module | None = None
    attribute: rules.Attribute | None = None
    dependencies: Annotated[Dependencies, Strict(False)] = _DEFAULT.dependencies
    dependencies_from: rules.DependencyFile | None = None
    extras: rules.Listed[rules.PackageExtra] = ()
    groups: rules.Listed[rules.PackageExtra] = ()
    automation: rules.OnOrOff | None = None
    follow: bool = _DEFAULT.follow
    follow_interval_seconds: Annotated[int, Field(ge=5, le=24 * 3600)] = _DEFAULT.follow_interval_seconds
    environment: dict[rules.EnvironmentName, rules.EnvironmentValue] = Field(default_factory=dict)
    environment_file: rules.EnvironmentFile | None = None
    startup_timeout_seconds: rules.Seconds = _DEFAULT.startup_timeout_seconds
    longest_run_seconds: rules.Seconds = _DEFAULT.longest_run_seconds
    egress: Annotated[rules.Listed[DestinationSection], BeforeValidator(_destinations)] | None = None
    smoke_job: rules.SmokeJob | None = None
    smoke_check: rules.SmokeCheck | None = None
    smoke_timeout_seconds: rules.Seconds = _DEFAULT.smoke_timeout_seconds
    approval: Literal["none", "manual"] = _DEFAULT.approval
    approval_timeout_seconds: rules.Seconds = _DEFAULT.approval_timeout_seconds
    must_keep: rules.Listed[DefinedKind] = ()
    prepare: rules.Listed[rules.Command] | None = None
    prepare_timeout_seconds: rules.Seconds = _DEFAULT.prepare_timeout_seconds
    reads: rules.Listed[rules.LocationName] = ()
    room: quantities.Bytes | None = None
    deployment: rules.LocationsDeployment = _DEFAULT.deployment
    shared_assets: Literal["refuse", "warn"] = _DEFAULT.shared_assets
    pod: Pod = PodSettings()
    isolation: Annotated[IsolationSection | None, BeforeValidator(_isolation)] = None

    def value(self) -> Location:
        image = self.model_dump(include=_OF_AN_IMAGE, exclude_none=True) if self.image else None
        return Location(
            **self.repo.of_location(),
            automation=self.automation or ("off" if self.name == "b" else _DEFAULT.automation),
            environment_files=(self.environment_file,) if self.environment_file else (),
            in_image=InImage.model_validate(image) if image else None,
            pod=self.pod.model_copy(update={"image": self.image}) if self.image else self.pod,
            **self.model_dump(exclude={"repo", "automation", "environment_file", "pod", *_OF_AN_IMAGE}),
        )


class OpsSection(Form):
    repo: Repo = RepoSection()

    def value(self) -> Location:
        return OPS.model_copy(update=self.repo.of_location()) if self.repo.url else OPS


class EnvironmentSection(Section):
    """The flat keys of the first version."""

    repo_url_a: rules.Repository | None = None
    repo_ref_a: rules.Ref | None = None
    repo_url_b: rules.Repository | None = None
    repo_ref_b: rules.Ref | None = None


class LocationKeys(Section):
    """The keys of the file about code locations."""

    code_locations: rules.Listed[Annotated[Location, WrittenAs(LocationSection)]] | None = None
    environment: EnvironmentSection = EnvironmentSection()

    @property
    def locations(self) -> tuple[Location, ...]:
        """Return the list of locations; without one, A and B from the flat keys."""
        if self.code_locations is not None:
            return self.code_locations
        flat = self.environment
        found = {"a": (flat.repo_url_a, flat.repo_ref_a), "b": (flat.repo_url_b, flat.repo_ref_b)}
        apart = {"b": "b"} if self.are_two_versions else {}
        return tuple(
            LocationSection(
                name=name,
                repo=RepoSection.model_construct(url=url, ref=ref),
                deployment=apart.get(name, MAIN),
            ).value()
            for name, (url, ref) in found.items()
        )

    @property
    def are_two_versions(self) -> bool:
        """Return whether A and B of the flat keys are one repository: then B has a deployment of its own."""
        flat = self.environment
        same = flat.repo_url_a is not None and flat.repo_url_a == flat.repo_url_b
        return self.code_locations is None and same
