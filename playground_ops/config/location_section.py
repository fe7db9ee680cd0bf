"""The keys of code locations, in either form of the file, and of the source of `ops`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from playground_ops.config import kubernetes_rules, quantities, rules
from playground_ops.config.pod_section import Pod
from playground_ops.config.section import Form, Section, WrittenAs
from playground_ops.config.shape import Shape
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
    """An address by https, ssh, git, file, `git@host:path`, or a path, relative to the file; no password or
    token in it."""
    ref: rules.Ref | None = None
    """Resolved to a commit before anything starts. Default: `HEAD`."""
    subdirectory: rules.Subdirectory = _DEFAULT.subdirectory
    """Where the project lies in the repository."""
    secret: kubernetes_rules.SecretName | None = None
    """On Kubernetes: the credentials for the repository, its private authority, or both
    ([how it is made](kubernetes.md#secrets)); on one machine git uses your own."""
    allowed_refs: rules.Listed[rules.RefPattern] = ()
    """What `redeploy` and `promote` may ask for beside `ref`, as `release-*`, `v?.*`; a full commit only if a
    pattern has it. Default: any."""

    def of_location(self) -> dict[str, Any]:
        """Return the values by the names of Location's fields."""
        return {
            "repository": self.url,
            "ref": self.ref if self.url else None,
            "subdirectory": self.subdirectory,
            "allowed_refs": self.allowed_refs,
            "git_secret": self.secret if self.url else None,
        }


Repo = Annotated[RepoSection, BeforeValidator(_repo), Shape("URL or mapping", also=rules.Repository)]


class IsolationSection(Section, Isolation):
    namespace: kubernetes_rules.Namespace | None = None
    """Its name. Default: the stack's, a dash, the location's name."""
    quota: Annotated[quantities.Quota, Shape("quantities by resource")] = Field(default_factory=dict)
    """A ResourceQuota, of what all containers of the stack say: `requests.cpu`, `limits.memory`, `pods` and
    such; releases that are kept count."""


class DestinationSection(Section, Destination):
    cidr: kubernetes_rules.Cidr
    """Addresses as `10.20.0.0/16`, or one of them."""
    ports: rules.Listed[rules.Port] = ()
    """TCP ports. Default: all."""


_OF_AN_IMAGE = {"image", "python_file", "working_directory"}


class LocationSection(Form):
    name: rules.LocationName
    """What Dagster calls it; not `ops`, `webserver`, `daemon`, `postgres`."""
    repo: Repo = RepoSection()
    """The repository of its code; `repo: URL` is short for its `url`. Without one the bootstrap `playground`
    is served. Default: none."""
    image: rules.Image | None = None
    """On Kubernetes, instead of `repo`: the image that has the code; with `module` or `python_file`
    ([more](kubernetes.md#code-that-is-in-an-image))."""
    python_file: kubernetes_rules.ContainerPath | None = None
    """A file in `image`, instead of `module`."""
    working_directory: kubernetes_rules.ContainerPath | None = None
    """In `image`, where the server loads from. Default: `/opt/dagster/app`."""
    module: rules.Module | None = None
    """What the server loads; else `[tool.dg.project]`, `[tool.dagster]`, `playground.definitions`.
    Default: the project's."""
    attribute: rules.Attribute | None = None
    """The name of the `Definitions` (or job, or repository) in that module, where it has several; Dagster's
    `--attribute`. Default: what Dagster finds."""
    dependencies: Annotated[Dependencies, Strict(False)] = _DEFAULT.dependencies
    """`project`: an environment of its own, from what [the project
    declares](#which-packages-a-location-gets); `shared`: the stack's; `auto`: `project` where the folder
    declares dependencies ([on Kubernetes](kubernetes.md#packages))."""
    dependencies_from: rules.DependencyFile | None = None
    """Which file the packages come from: a requirements file (`.txt`, `.in`), a lock, `pyproject.toml`,
    `setup.py`; `..` may lead to another folder of the repository. Default: the exact file."""
    extras: rules.Listed[rules.PackageExtra] = ()
    """Extras of the project that are installed too."""
    groups: rules.Listed[rules.PackageExtra] = ()
    """Dependency groups likewise: of `[dependency-groups]`, Poetry, PDM, or a category of a
    `Pipfile.lock`."""
    automation: rules.OnOrOff | None = None
    """`off`: what would tick by itself is stopped before the location can tick. Default: `on` (B: `off`)."""
    follow: bool = _DEFAULT.follow
    """A sensor resolves the ref and requests a rollout per new commit; one sensor for all locations with the
    same repository, Secret and interval, named by these (`follow_acme_pipelines`)."""
    follow_interval_seconds: Annotated[int, Field(ge=5, le=24 * 3600)] = _DEFAULT.follow_interval_seconds
    """How often that sensor asks."""
    environment: dict[rules.EnvironmentName, rules.EnvironmentValue] = Field(default_factory=dict)
    """Environment variables of the location's code; not for secrets; not `DAGSTER_HOME`, `PLAYGROUND_*`."""
    environment_file: rules.EnvironmentFile | None = None
    """On one machine: [a file with variables](#variables-that-are-secret), which lie over those of the
    stack's file and beneath `environment`."""
    startup_timeout_seconds: rules.Seconds = _DEFAULT.startup_timeout_seconds
    """How long a candidate may take to import its definitions."""
    longest_run_seconds: rules.Seconds = _DEFAULT.longest_run_seconds
    """How long a replaced server may take to finish its runs before it is ended."""
    egress: (
        Annotated[
            rules.Listed[DestinationSection],
            BeforeValidator(_destinations),
            Shape("`closed`, or a list", also=Literal["closed"]),
        ]
        | None
    ) = None
    """On Kubernetes: [all that its code may reach](security.md#the-network) beside DNS and the database;
    `closed`: nothing. Default: everything."""
    smoke_job: rules.SmokeJob | None = None
    """A gate: this job must succeed on the candidate before it serves."""
    smoke_check: rules.SmokeCheck | None = None
    """A gate: this asset check must pass likewise."""
    smoke_timeout_seconds: rules.Seconds = _DEFAULT.smoke_timeout_seconds
    """How long each of the two may take."""
    approval: Literal["none", "manual"] = _DEFAULT.approval
    """`manual`: a candidate that passed every gate waits for `approve` or `reject`, jobs and commands, and
    says [what it changes](command-line.md#what-a-rollout-changes); not a first release and not a rollback."""
    approval_timeout_seconds: rules.Seconds = _DEFAULT.approval_timeout_seconds
    """How long it waits; then it is removed, and nothing is held against the commit."""
    must_keep: rules.Listed[DefinedKind] = ()
    """A gate: a commit without one that serves now is refused, unless forced."""
    prepare: rules.Listed[rules.Command] | None = None
    """Run once for a release, in its environment and its own copy of the project's folder, before its server
    ([more](#what-a-release-has-beside-its-commit)); text is split as a shell would, and run without one; `[]`
    runs none. Default: what dbt and components need."""
    prepare_timeout_seconds: rules.Seconds = _DEFAULT.prepare_timeout_seconds
    """How long all these commands together may take."""
    reads: Annotated[rules.Listed[rules.LocationName], Shape("names of locations")] = ()
    """On Kubernetes: whose values its code may load by Dagster's default IO manager, by an `AssetSpec` or
    `SourceAsset` of theirs ([more](kubernetes.md#values-and-logs))."""
    room: quantities.Bytes | None = None
    """[How much it may keep](kubernetes.md#what-a-location-may-keep) on the volume that all share; above it
    the next rollout is refused, unless forced. Default: half of the volume, where it is short."""
    deployment: rules.LocationsDeployment = _DEFAULT.deployment
    """The one of `deployments` that it is part of; a location does not change it while it serves
    ([more](deployments.md#moving-a-location))."""
    shared_assets: Literal["refuse", "warn"] = _DEFAULT.shared_assets
    """A gate: a commit with asset keys that another location of its deployment serves, and that both did not
    serve before, is refused, forced or not; `warn` of one of both lets it serve, and `health` says nothing of
    the pair ([more](deployments.md#two-locations-in-one-deployment))."""
    pod: Pod = PodSettings()
    """The settings of its [pods](#pods)."""
    isolation: Annotated[
        IsolationSection | None, BeforeValidator(_isolation), Shape("`true`, or mapping", also=bool)
    ] = None
    """On Kubernetes: [a namespace of its own](kubernetes.md#a-location-in-a-namespace-of-its-own), not that
    of anything else."""

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
    """What `ops` is loaded from on Kubernetes, [with the configuration of that
    commit](kubernetes.md#ops-from-git). Default: the clone that is deployed from."""

    def value(self) -> Location:
        return OPS.model_copy(update=self.repo.of_location()) if self.repo.url else OPS


class EnvironmentSection(Section):
    """The flat keys of the first version."""

    repo_url_a: rules.Repository | None = None
    """The repository of A."""
    repo_ref_a: rules.Ref | None = None
    """What is deployed of A. Default: `HEAD`."""
    repo_url_b: rules.Repository | None = None
    """The repository of B."""
    repo_ref_b: rules.Ref | None = None
    """What is deployed of B. Default: `HEAD`."""


class LocationKeys(Section):
    """The keys of the file about code locations."""

    code_locations: rules.Listed[Annotated[Location, WrittenAs(LocationSection)]] | None = None
    """[The locations](#a-location); `[]` is a stack of `ops` alone. Default: A and B."""
    environment: EnvironmentSection = EnvironmentSection()
    """The flat keys of the first version, for A and B, instead of `code_locations`; where both have one
    repository, B gets a deployment `b`. Default: none."""

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
