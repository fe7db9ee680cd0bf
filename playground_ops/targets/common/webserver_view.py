"""What a stack's webserver shows, with an answer also where it is down."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from playground_ops.core.component import Overview
from playground_ops.core.errors import Finding, PlaygroundError, transient
from playground_ops.core.loaded import Shown
from playground_ops.core.produced import Launch, RunSeen
from playground_ops.core.redact import redact
from playground_ops.targets.common import launching
from playground_ops.targets.common.overview import failing_ticks
from playground_ops.targets.common.webserver import Webserver, WebserverDown

Answer = TypeVar("Answer")


class WebserverView:
    """What a stack's webserver shows, with an answer also where it is down (`core.target.WebserverView`)."""

    def __init__(self, found: Callable[[], Webserver], *, has_daemon: bool = True) -> None:
        """Keep `found`, which returns the webserver and may raise WebserverDown.

        `has_daemon`: whether the deployment has one; else nothing is asked of it, and nothing ticks.
        """
        self._found, self._has_daemon = found, has_daemon

    def shown(self, location: str) -> Shown:
        try:
            return self._found().locations().get(location, Shown(error="it does not know this location"))
        except WebserverDown as error:
            return Shown(error=f"it does not answer ({error})", is_away=True)

    def asset_keys(self) -> Mapping[str, Sequence[str]] | None:
        return self._unless_down(Webserver.asset_keys, None)

    def servers(self) -> Mapping[str, str]:
        found = self._unless_down(Webserver.locations, dict[str, Shown]())
        return {name: one.server_id for name, one in found.items() if one.server_id}

    def reload(self, location: str) -> None:
        self._unless_down(lambda webserver: webserver.reload(location), None)

    def troubles(self, location: str) -> Mapping[str, Finding]:
        return failing_ticks(self._unless_down(lambda webserver: webserver.troubles(location), {}))

    def silent_daemons(self) -> Sequence[str]:
        return self._unless_down(Webserver.silent_daemons, []) if self._has_daemon else []

    def overview(self) -> Overview | None:
        found = self._unless_down(Webserver.overview, None)
        if found is None or self._has_daemon:
            return found
        return found.model_copy(update={"heartbeats": (), "ticking": ()})

    def launching(self, location: str) -> Sequence[str]:
        """Return the ids of the location's runs that are being sent to a server; none where it is down."""
        return self._unless_down(lambda webserver: webserver.launching(location), [])

    def launch(self, asked: Launch) -> str:
        return self._or_finding(lambda webserver: launching.launch(webserver, asked))

    def run(self, run_id: str) -> RunSeen:
        return self._or_finding(lambda webserver: launching.seen(webserver, run_id))

    def _or_finding(self, asked: Callable[[Webserver], Answer]) -> Answer:
        try:
            return asked(self._found())
        except WebserverDown as error:
            raise PlaygroundError(_no_answer(str(error))) from error

    def _unless_down(self, asked: Callable[[Webserver], Answer], otherwise: Answer) -> Answer:
        try:
            return asked(self._found())
        except WebserverDown:
            return otherwise


def _no_answer(said: str) -> Finding:
    return transient(
        object="component/webserver",
        observed=f"The webserver does not answer ({redact(said)}).",
        cause="It is down, restarting or overloaded; runs are launched and followed through it.",
        fix="`status` and `health` say more; then run the command again.",
    )
