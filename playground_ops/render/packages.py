"""The packages of a release from git: an init container makes its environment before the server starts.

An environment lies on the claim that outlives pods, under a key made of its content: releases that lock the
same share it, and a replaced pod finds it. A user of its own owns it. Servers run as another user and mount
the folder of environments read-only, and no folder above it: so code of one location can't change another
one's environment, nor put another in its place.
"""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from playground_ops.config import OPS, Configuration
from playground_ops.core.model import Dependencies, Location, Release
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.diagnose.pods import INSTALLS
from playground_ops.render import gitsync, instance
from playground_ops.render.isolated_python import isolated
from playground_ops.render.names import (
    CHOSEN_FOLDER,
    ENVIRONMENTS_FOLDER,
    KEPT_ENVIRONMENTS,
    MADE_ENVIRONMENTS,
    PACKAGES_SECRET_FOLDER,
    PACKAGES_USER,
    SOURCE_FOLDER,
    Object,
)
from playground_ops.render.pod import (
    Container,
    InitContainer,
    Mounted,
    config_map,
    container,
    kept,
    secret,
    variable,
    writable,
)

RESOURCES = Resources(requests={"cpu": "50m", "memory": "256Mi"}, limits={"memory": "1Gi"})
LIVE, LIVE_AS_OF = "PLAYGROUND_LIVE", "PLAYGROUND_LIVE_AS_OF"
UNPACKED = "/tmp/installing"
COMMAND = ("sh", "-ec", isolated("playground_ops.targets.kubernetes.inside.installing"), UNPACKED)


def has_own(release: Release) -> bool:
    """Return whether the release may have an environment of its own; with `auto` its commit decides.

    That of `ops` may have another version of this program, which its commit pins.
    """
    location = release.location
    if release.revision.repository is None:
        return False
    return location.name == OPS.name or location.dependencies is not Dependencies.SHARED


def installing(
    release: Release, configuration: Configuration, archive: str, where: str, live: Sequence[Release]
) -> InitContainer:
    """Return the init container. `where`: the release's files. `live`: releases whose environments stay."""
    location, credentials = release.location, configuration.kubernetes.packages.secret
    asked = ["--own-code"] if location.name == OPS.name else _asked(location)
    volumes = (
        config_map(archive, SOURCE_FOLDER, "source"),
        gitsync.fetched(),
        writable("chosen-packages", CHOSEN_FOLDER),
        writable("install-tmp", "/tmp"),
        kept(KEPT_ENVIRONMENTS, MADE_ENVIRONMENTS),
        *([secret(credentials, PACKAGES_SECRET_FOLDER, "packages-secret")] if credentials else []),
    )
    found = Container(
        name=INSTALLS,
        image=instance.image(configuration, configuration.pod_of(location)),
        resources=RESOURCES,
        command=COMMAND,
        arguments=[
            *(where, "--subdirectory", location.subdirectory, *asked),
            *("--release", release.name),
        ],
        variables=[*variables(configuration), *_live(release, live)],
        volumes=volumes,
    )
    made = container(found, PodSettings())
    made["securityContext"] = {**made["securityContext"], "runAsUser": PACKAGES_USER}
    return InitContainer(made, volumes)


def _asked(location: Location) -> list[str]:
    """Return the options that say which packages a location wants."""
    return [
        *(["--module", location.module] if location.module else []),
        *([f"--dependencies-from={location.dependencies_from}"] if location.dependencies_from else []),
        *(f"--extra={name}" for name in location.extras),
        *(f"--group={name}" for name in location.groups),
        *("--dependencies", location.dependencies.value),
    ]


def variables(configuration: Configuration) -> list[Object]:
    """Return the variables for uv and pip; no secret is among them."""
    packages = configuration.kubernetes.packages
    urls = [url for url in (packages.index_url, *packages.extra_index_urls) if url]
    plain = sorted({str(urlsplit(url).netloc) for url in urls if url.startswith("http:")})
    values = {
        "HOME": "/tmp",
        "PYTHONUNBUFFERED": "1",
        "UV_CACHE_DIR": f"{MADE_ENVIRONMENTS}/.cache",
        "UV_COMPILE_BYTECODE": "1",
        "UV_VENV_RELOCATABLE": "1",
        "UV_DEFAULT_INDEX": packages.index_url or "",
        "UV_INDEX": " ".join(packages.extra_index_urls),
        "PIP_TRUSTED_HOST": " ".join(plain),
    }
    return [variable(name, value) for name, value in values.items() if value]


def installed() -> tuple[Mounted, ...]:
    """Return the mounts in the server's container."""
    chosen = replace(writable("chosen-packages", CHOSEN_FOLDER), read_only=True)
    return (kept_environments(), chosen)


def kept_environments() -> Mounted:
    """Return the mount of what was made and is kept on the claim, read-only."""
    return kept(KEPT_ENVIRONMENTS, ENVIRONMENTS_FOLDER, read_only=True)


def _live(release: Release, live: Sequence[Release]) -> list[Object]:
    """Return the variables that name the live releases; without any, no environment is removed."""
    names = " ".join(sorted(one.name for one in live))
    return [variable(LIVE, names), variable(LIVE_AS_OF, release.created_at)] if live else []
