"""The stack around the locations: webserver, daemon, the workspace they read, the instance's settings."""

import socket
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, Field

from playground_ops.config import Configuration
from playground_ops.core.component import Component, component_of
from playground_ops.core.errors import Finding, PlaygroundError, capacity
from playground_ops.core.model import MAIN
from playground_ops.core.yaml_text import dumped
from playground_ops.render import modules
from playground_ops.render.instance import run_coordinator, run_retries
from playground_ops.render.names import Object
from playground_ops.render.runs import MONITORING
from playground_ops.targets.local.addresses import Addresses
from playground_ops.targets.local.folder import (
    InstanceFolder,
    StateFolder,
    read_value,
    write_atomically,
    write_value,
)
from playground_ops.targets.local.processes import ProcessSpec

LAUNCHER = {"module": "playground_ops.targets.local.launcher", "class": "ReleaseRunLauncher"}
PREFERRED_PORT = 3000
GRACE_SECONDS = 15.0


class AppliedInstance(BaseModel):
    """What was applied last of one deployment, apart from its locations' releases."""

    host: str
    port: int
    locations: list[str] = Field(default_factory=list)
    allowed_hosts: list[str] = Field(default_factory=list)
    has_daemon: bool = True

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}"


class Applied(AppliedInstance):
    """What was applied last: the main deployment, and those beside it."""

    configuration: str
    """The configuration file it came from."""
    components: dict[str, dict[str, str]] = Field(default_factory=dict)
    deployments: dict[str, AppliedInstance] = Field(default_factory=dict)

    def of(self, deployment: str) -> AppliedInstance | None:
        return self if deployment == MAIN else self.deployments.get(deployment)

    @property
    def every(self) -> dict[str, AppliedInstance]:
        return {MAIN: self, **self.deployments}

    @property
    def all_locations(self) -> list[str]:
        return [name for one in self.every.values() for name in one.locations]


def read_applied(folder: StateFolder) -> Applied | None:
    return read_value(folder.stack, Applied)


def desired_processes(configuration: Configuration) -> list[Component]:
    """Return webservers and daemons with the settings that need a restart when they change."""
    main, *others = configuration.views
    found = _processes_of(main)
    there = {f"{MAIN} {key}": found[0].settings[key] for key in ("host", "port")}
    return [*found, *(component for view in others for component in _processes_of(view, there))]


def _processes_of(configuration: Configuration, shown: Mapping[str, str] | None = None) -> list[Component]:
    """Return a deployment's. `shown`: what its pages tell of the main one."""
    port, deployment = configuration.webserver.port, configuration.deployment
    webserver = Component(
        name=component_of("webserver", deployment),
        kind="webserver",
        settings={
            "dagster-webserver": version("dagster-webserver"),
            "host": configuration.webserver.host,
            "port": str(port) if port is not None else "any free one",
            "front door": modules.version_of_front_door(),
            **_allowed(configuration),
            **(shown or {}),
        },
    )
    if not configuration.has_daemon:
        return [webserver]
    names = ",".join(location.name for location in configuration.all_locations)
    queue = {key: str(value) for key, value in run_coordinator(configuration)["config"].items()}
    runs = {key: _in_a_line(value) for key, value in _about_runs(configuration).items()}
    settings = {"dagster": version("dagster"), "locations": names, **queue, **runs}
    return [webserver, Component(name=component_of("daemon", deployment), kind="daemon", settings=settings)]


def _allowed(configuration: Configuration) -> dict[str, str]:
    hosts = configuration.webserver.allowed_hosts
    return {"allowed hosts": ", ".join(hosts)} if hosts else {}


def _about_runs(configuration: Configuration) -> dict[str, Object]:
    """Return those settings of the instance, besides the queue's, that the daemon alone acts on."""
    return {
        "run_launcher": dict(LAUNCHER),
        "run_monitoring": dict(MONITORING),
        "run_retries": run_retries(configuration),
    }


def _in_a_line(settings: Object) -> str:
    return ", ".join(f"{key}: {value}" for key, value in settings.items())


def write_stack(
    folder: StateFolder, configuration: Configuration, addresses: Addresses, ports: Mapping[str, int]
) -> Applied:
    """Write workspaces, the instances' settings and what is applied. `ports`: by deployment.

    Raises PlaygroundError.
    """
    found = {
        name: _write_instance(folder.instance(name), configuration.of(name), addresses, ports[name])
        for name in configuration.deployment_names
    }
    applied = Applied(
        **found.pop(MAIN).model_dump(),
        configuration=configuration.source,
        components={found.name: found.settings for found in desired_processes(configuration)},
        deployments=found,
    )
    write_value(folder.stack, applied)
    return applied


def _write_instance(
    folder: InstanceFolder, configuration: Configuration, addresses: Addresses, port: int
) -> AppliedInstance:
    names = [location.name for location in configuration.all_locations]
    write_workspace(folder, names, addresses)
    settings = dumped(instance_settings(configuration))
    write_atomically(folder.dagster_home / "dagster.yaml", settings)
    return AppliedInstance(
        host=configuration.webserver.host,
        port=port,
        locations=names,
        allowed_hosts=list(configuration.webserver.allowed_hosts),
        has_daemon=configuration.has_daemon,
    )


def write_workspace(folder: InstanceFolder, locations: Iterable[str], addresses: Addresses) -> None:
    servers = [
        {"grpc_server": {"host": "localhost", "socket": str(addresses.serving(name)), "location_name": name}}
        for name in locations
    ]
    write_atomically(folder.workspace, dumped({"load_from": servers}))


def webserver_spec(folder: InstanceFolder, applied: Applied) -> ProcessSpec:
    own = applied.every[folder.deployment]
    settings = ("-w", str(folder.workspace), "-h", own.host, "-p", str(own.port))
    allowed = [word for host in own.allowed_hosts for word in ("--allowed-host", host)]
    beside = () if own is applied else ("--deployment", folder.deployment, "--main-url", applied.url)
    return _process(folder, folder.webserver, ("-m", modules.FRONT_DOOR, *settings, *allowed, *beside))


def specs(folder: InstanceFolder, applied: Applied) -> list[ProcessSpec]:
    """Return a deployment's processes besides those of its locations."""
    daemon = [daemon_spec(folder)] if applied.every[folder.deployment].has_daemon else []
    return [webserver_spec(folder, applied), *daemon]


def daemon_spec(folder: InstanceFolder) -> ProcessSpec:
    module = ("-m", "playground_ops.targets.local.daemon")
    return _process(folder, folder.daemon, (*module, str(folder.root), folder.deployment))


def choose_ports(configuration: Configuration, current: Applied | None) -> dict[str, int]:
    """Return the ports of webservers by deployment. Raises PlaygroundError when a configured one is taken."""
    ports: dict[str, int] = {}
    for name in configuration.deployment_names:
        own = current.of(name) if current else None
        ports[name] = choose_port(configuration.of(name), own, set(ports.values()))
    return ports


def choose_port(
    configuration: Configuration, current: AppliedInstance | None, taken: Collection[int] = ()
) -> int:
    """Return the configured port, else the one in use, else 3000 if it is free, else any free one.

    `taken`: those of other deployments, which may not listen yet. Raises PlaygroundError when a configured
    port is taken.
    """
    host, asked = configuration.webserver.host, configuration.webserver.port
    if current is not None and current.host == host and asked in (None, current.port):
        return current.port
    if asked is not None:
        if not _is_free(host, asked):
            raise PlaygroundError(_taken(host, asked))
        return asked
    is_there = PREFERRED_PORT not in taken and _is_free(host, PREFERRED_PORT)
    return PREFERRED_PORT if is_there else _any_free(host)


def variables_of_ops(folder: StateFolder, applied: Applied, project: Path) -> dict[str, str]:
    """Return where the server of `ops` finds the stack."""
    file = Path(applied.configuration)
    # Where the defaults count, it finds the file that somebody makes there later.
    where = {"PLAYGROUND_CONFIG": str(file)} if file.exists() else {"PLAYGROUND_FOLDER": str(file.parent)}
    return {**where, "PLAYGROUND_STATE": str(folder.root), "PLAYGROUND_PROJECT": str(project)}


def _process(folder: InstanceFolder, name: str, arguments: tuple[str, ...]) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=(sys.executable, *arguments),
        cwd=str(folder.root),
        env={"DAGSTER_HOME": str(folder.dagster_home), "PYTHONUNBUFFERED": "1"},
        restart="always",
        grace_seconds=GRACE_SECONDS,
    )


def instance_settings(configuration: Configuration) -> dict[str, object]:
    """Return the content of dagster.yaml."""
    return {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},  # the UI's dialog about a newsletter, at every first visit
        "run_coordinator": run_coordinator(configuration),
        **_about_runs(configuration),
    }


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _any_free(host: str) -> int:
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _taken(host: str, port: int) -> Finding:
    return capacity(
        object="component/webserver",
        observed=f"Port {port} on {host} is taken by another process.",
        cause="`webserver.port` in the configuration names it, so no other is chosen.",
        fix="Free the port, name another, or leave `webserver.port` out to have a free one chosen.",
    )
