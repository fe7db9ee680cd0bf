"""From a configuration file to an engine on the target that it names: what every shell starts with."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path

from playground_ops.clock import SystemClock
from playground_ops.config import Configuration, load
from playground_ops.errors import BadInput, Finding, FindingKind
from playground_ops.plan import Plan
from playground_ops.rollout import Engine
from playground_ops.story import SilentStory, Story
from playground_ops.switching import Patience
from playground_ops.targets.base import Target

CONFIGURATION_FILE = "configvalues.yaml"


@dataclass(frozen=True)
class Opened:
    configuration: Configuration
    engine: Engine

    @property
    def target(self) -> Target:
        return self.engine.target

    def telling(self, story: Story) -> Engine:
        """The engine, with its story told here."""
        return replace(self.engine, story=story)


def project_folder() -> Path:
    """The clone that this stack is managed from."""
    return Path(os.environ.get("PLAYGROUND_PROJECT") or Path(__file__).parent.parent).absolute()


def configuration_file() -> Path:
    """PLAYGROUND_CONFIG, else the one beside the packages of this project."""
    return Path(os.environ.get("PLAYGROUND_CONFIG") or project_folder() / CONFIGURATION_FILE)


def open_stack(
    path: Path | None = None,
    target: str | None = None,
    story: Story | None = None,
    lock_seconds: float = 0.0,
) -> Opened:
    """Raises BadInput with every fault of the configuration file."""
    configuration = load(path or configuration_file())
    patience = Patience(
        transient=configuration.rollout.transient_timeout_seconds,
        confirm=configuration.rollout.confirm_timeout_seconds,
        lock=lock_seconds,
    )
    engine = Engine(
        open_target(target or configuration.target), story or SilentStory(), SystemClock(), patience
    )
    return Opened(configuration, engine)


def open_target(name: str) -> Target:
    if name != "local":
        raise BadInput(_not_yet(name))
    from playground_ops.targets.local.folder import state_folder
    from playground_ops.targets.local.target import LocalTarget

    project = project_folder()
    return LocalTarget(state_folder(project), project)


def plan_on_kubernetes(configuration: Configuration, context: str | None) -> Plan:
    """What applying the rendered objects would change there. Writes nothing. Raises PlaygroundError."""
    from playground_ops.targets.kubernetes.connection import Connection, named
    from playground_ops.targets.kubernetes.planning import make_plan

    return make_plan(Connection(named(context, configuration.kubernetes.context)), configuration)


def whoever_is_at_the_keyboard() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def _not_yet(name: str) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN,
        object=f"target/{name}",
        observed="So far it can be rendered (`generate`) and planned (`plan`), and not yet deployed.",
        cause='The rest comes with "The stack on Kubernetes".',
        fix="Use `--target local`; or apply what `generate` writes.",
    )
