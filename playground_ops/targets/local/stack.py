"""The stack around the locations: webserver, daemon, the workspace they read, the instance's settings."""

import socket
import sys
from collections.abc import Iterable
from importlib.metadata import version

import yaml
from pydantic import BaseModel, Field

from playground_ops.config import Configuration
from playground_ops.core.component import Component
from playground_ops.core.errors import Finding, PlaygroundError, capacity
from playground_ops.render import modules
from playground_ops.render.instance import run_coordinator, run_retries
from playground_ops.render.names import Object
from playground_ops.render.runs import MONITORING
from playground_ops.targets.local.addresses import Addresses
from playground_ops.targets.local.folder import StateFolder, read_value, write_atomically, write_value
from playground_ops.targets.local.processes import ProcessSpec

LAUNCHER = {"module": "playground_ops.targets.local.launcher", "class": "ReleaseRunLauncher"}
PREFERRED_PORT = 3000
GRACE_SECONDS = 15.0


class Applied(BaseModel):
    """What was applied last, apart from the locations' releases."""

    host: str
    port: int
    configuration: str
    """The configuration file it came from."""
    components: dict[str, dict[str, str]] = Field(default_factory=dict)
    locations: list[str] = Field(default_factory=list)
    allowed_hosts: list[str] = Field(default_factory=list)

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{host}:{self.port}"


def read_applied(folder: StateFolder) -> Applied | None:
    return read_value(folder.stack, Applied)


def desired_processes(configuration: Configuration) -> list[Component]:
    """Return webserver and daemon with the settings that need a restart when they change."""
    names = ",".join(location.name for location in configuration.all_locations)
    queue = {key: str(value) for key, value in run_coordinator(configuration)["config"].items()}
    runs = {key: _in_a_line(value) for key, value in _about_runs(configuration).items()}
    port = configuration.webserver.port
    return [
        Component(
            name="webserver",
            kind="webserver",
            settings={
                "dagster-webserver": version("dagster-webserver"),
                "host": configuration.webserver.host,
                "port": str(port) if port is not None else "any free one",
                "front door": modules.version_of_front_door(),
                **_allowed(configuration),
            },
        ),
        Component(
            name="daemon",
            kind="daemon",
            settings={"dagster": version("dagster"), "locations": names, **queue, **runs},
        ),
    ]


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
    folder: StateFolder, configuration: Configuration, addresses: Addresses, port: int
) -> Applied:
    """Write the workspace, the instance's settings and what is applied. Raises PlaygroundError."""
    names = [location.name for location in configuration.all_locations]
    write_workspace(folder, names, addresses)
    settings = yaml.safe_dump(instance_settings(configuration), sort_keys=False)
    write_atomically(folder.dagster_home / "dagster.yaml", settings)
    applied = Applied(
        host=configuration.webserver.host,
        port=port,
        configuration=configuration.source,
        components={found.name: found.settings for found in desired_processes(configuration)},
        locations=names,
        allowed_hosts=list(configuration.webserver.allowed_hosts),
    )
    write_value(folder.stack, applied)
    return applied


def write_workspace(folder: StateFolder, locations: Iterable[str], addresses: Addresses) -> None:
    servers = [
        {"grpc_server": {"host": "localhost", "socket": str(addresses.serving(name)), "location_name": name}}
        for name in locations
    ]
    write_atomically(folder.workspace, yaml.safe_dump({"load_from": servers}, sort_keys=False))


def webserver_spec(folder: StateFolder, applied: Applied) -> ProcessSpec:
    settings = ("-w", str(folder.workspace), "-h", applied.host, "-p", str(applied.port))
    allowed = [word for host in applied.allowed_hosts for word in ("--allowed-host", host)]
    return _process(folder, "webserver", ("-m", modules.FRONT_DOOR, *settings, *allowed))


def daemon_spec(folder: StateFolder) -> ProcessSpec:
    return _process(folder, "daemon", ("-m", "playground_ops.targets.local.daemon", str(folder.root)))


def choose_port(configuration: Configuration, current: Applied | None) -> int:
    """Return the configured port, else the one in use, else 3000 if it is free, else any free one.

    Raises PlaygroundError when a configured port is taken.
    """
    host, asked = configuration.webserver.host, configuration.webserver.port
    if current is not None and current.host == host and asked in (None, current.port):
        return current.port
    if asked is not None:
        if not _is_free(host, asked):
            raise PlaygroundError(_taken(host, asked))
        return asked
    return PREFERRED_PORT if _is_free(host, PREFERRED_PORT) else _any_free(host)


def _process(folder: StateFolder, name: str, arguments: tuple[str, ...]) -> ProcessSpec:
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
