"""The Dagster instances of a local stack, one for each deployment: their tables, their webservers."""

from collections.abc import Callable
from dataclasses import dataclass

from playground_ops.core.model import MAIN
from playground_ops.targets.common.webserver import Webserver, WebserverDown
from playground_ops.targets.local import stack
from playground_ops.targets.local.folder import InstanceFolder, StateFolder


@dataclass(frozen=True)
class Instances:
    """Those of the last deploy: everything is read from the state folder."""

    folder: StateFolder

    def of(self, deployment: str) -> stack.AppliedInstance | None:
        applied = stack.read_applied(self.folder)
        return applied.of(deployment) if applied else None

    def ui_address(self, deployment: str = MAIN) -> str | None:
        found = self.of(deployment)
        return found.url if found else None

    def has_daemon(self, deployment: str) -> bool:
        found = self.of(deployment)
        return found is None or found.has_daemon

    def deployment_of(self, location: str) -> str:
        """Return the deployment whose workspace has the location; the main one for one that is in none."""
        applied = stack.read_applied(self.folder)
        every = applied.every if applied else {}
        return next((name for name, own in every.items() if location in own.locations), MAIN)

    def webserver(self, deployment: str = MAIN) -> Webserver:
        """Return a deployment's webserver. Raises WebserverDown when there is no such."""
        url = self.ui_address(deployment)
        if url is None:
            raise WebserverDown(f"{_called(deployment)} is not deployed here")
        return Webserver(url)

    def make_tables(self, deployment: str, say: Callable[[str], None]) -> None:
        """Make the tables of its database before the first process that would; once, and whole."""
        home = self.folder.instance(deployment).dagster_home
        if (made := home / ".tables").exists():
            return
        from playground_ops.targets.common.instance import initialise

        say(f"creating the tables of {_called(deployment)}")
        initialise(home)
        made.touch()

    def reload(self, before: stack.Applied | None, after: stack.Applied) -> None:
        """Make webservers read their workspace again where it lists other locations."""
        for deployment, own in after.every.items():
            was = before.of(deployment) if before else None
            if was is not None and was.locations != own.locations:
                self._reload(deployment)

    def _reload(self, deployment: str) -> None:
        try:
            self.webserver(deployment).reload_workspace()
        except WebserverDown:
            return  # it is starting, and reads the new workspace then


def folders(
    folder: StateFolder, applied: stack.Applied
) -> list[tuple[InstanceFolder, stack.AppliedInstance]]:
    """Return the folder of each deployment with what was applied of it."""
    return [(folder.instance(name), own) for name, own in applied.every.items()]


def _called(deployment: str) -> str:
    return "the instance" if deployment == MAIN else f"deployment {deployment}"
