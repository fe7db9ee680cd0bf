"""The gate of asset keys: a candidate does not serve those that another location of its deployment serves.

Others have rollouts meanwhile, and a webserver that is starting knows nothing yet. So it is looked at when
the candidate is verified, before the switch, and once the webserver shows it: of two that came at once the
later one goes. What makes nothing worse passes with a warning: keys that the location has served beside the
other one before, a release that served before, and what is configured to be shared.
"""

from collections.abc import Iterator, Mapping, Sequence

from playground_ops.checks import collisions
from playground_ops.config import Configuration
from playground_ops.config.collisions import alike
from playground_ops.core import decisions
from playground_ops.core.errors import Finding, PlaygroundError, RolloutFailed
from playground_ops.core.loaded import LoadedCode
from playground_ops.core.model import Release
from playground_ops.engine.context import Engine, Request, RolloutContext

AS_BEFORE = "It was so before."
SHARED = "`shared_assets: warn` allows it."
SERVED_BEFORE = "What served before is never refused for it."
NOBODY_KNOWS = "What this location served before does not answer, so nobody knows whether it was so before."


class Collisions:
    def __init__(
        self, context: RolloutContext, request: Request, release: Release, previous: Release | None
    ) -> None:
        """Prepare the looks at a candidate; `previous` serves now."""
        self._context, self._request = context, request
        self._release, self._previous = release, previous
        self._name = release.location.name
        self._webserver = context.target.webserver(release.location.deployment)
        self._loaded: LoadedCode | None = None
        self._others: Mapping[str, str] = {}
        """What the other locations served at the last look."""
        self._told: set[str] = set()

    def look(self, loaded: LoadedCode) -> None:
        """Compare the keys of the candidate, which does not serve. Raises RolloutFailed."""
        self._loaded, self._others = loaded, self._served_by_others()
        served = self._webserver.asset_keys()
        if served is None:
            self._context.progress.say(
                "the webserver does not answer: the keys of its assets are compared once it shows them"
            )
            return
        self._refuse(self._colliding(served, served.get(self._name)))

    def look_again(self) -> None:
        """Compare them again where another location has had a rollout since. Raises RolloutFailed."""
        if self._loaded is not None and self._served_by_others() != self._others:
            self.look(self._loaded)

    def look_at_both(self) -> None:
        """Compare them once it serves: of two that came at once, the later one goes. Raises RolloutFailed."""
        if self._served_by_others() == self._others:
            return
        served = self._webserver.asset_keys() or {}
        self._refuse(
            (other, found) for other, found in self._colliding(served, None) if self._came_first(other)
        )

    def _served_by_others(self) -> Mapping[str, str]:
        return {name: one for name, one in self._webserver.servers().items() if name != self._name}

    def _refuse(self, found: "Iterator[tuple[str, Finding]]") -> None:
        if findings := [one for _, one in found]:
            raise RolloutFailed(*findings)

    def _colliding(
        self, served: Mapping[str, Sequence[str]], before: Sequence[str] | None
    ) -> Iterator[tuple[str, Finding]]:
        """Yield each other location with why the candidate may not serve beside it, and tell what may be.

        `before`: what the location itself served; None where the webserver does not tell.
        """
        mine = self._loaded.asset_keys if self._loaded else ()
        for other, keys in collisions.shared(mine, served, self._name):
            why = self._excuse(other)
            if not why:
                known = self._known(before)
                why = NOBODY_KNOWS if known is None else AS_BEFORE
                fresh = [] if known is None else [one for one in keys if one not in known]
                if fresh:
                    where = self._release.location.deployment
                    yield other, collisions.refused(self._name, self._release.name, other, fresh, where)
                    continue
            self._warn(collisions.warned(other, keys, why))

    def _excuse(self, other: str) -> str:
        if self._request.rollback_of or self._request.action in ("heal", "rollback"):
            return SERVED_BEFORE
        is_shared = self._release.location.shared_assets == "warn"
        return SHARED if is_shared or not {other, self._name}.isdisjoint(self._context.sharing) else ""

    def _known(self, before: Sequence[str] | None) -> Sequence[str] | None:
        """Return the keys that the location served before; None where nobody knows."""
        if before is not None or self._previous is None:
            return before or ()
        try:
            return self._context.target.inspect(self._previous).asset_keys
        except PlaygroundError:
            return None

    def _warn(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._context.progress.warn(text)

    def _came_first(self, other: str) -> bool:
        """Return whether the other location began to serve what it serves before this one did."""
        releases = self._context.target.releases
        mine, theirs = (decisions.serving(releases(name)) for name in (self._name, other))
        if mine is None or theirs is None:
            return theirs is not None
        return (theirs.served_at or "", other) < (mine.served_at or "", self._name)


def in_turn(engine: Engine, configuration: Configuration, requests: Sequence[Request]) -> list[list[Request]]:
    """Return the requests in the order of their rollouts, those of one list at once.

    A location that serves nothing yet waits for the one whose code it has too: of two that can't both serve
    it is the one that is configured first, and not the quicker one.
    """
    named = {one.location.name for one in requests}
    later = {
        one.name
        for other, one in alike(configuration)
        if other.name in named and decisions.serving(engine.target.releases(one.name)) is None
    }
    first = [one for one in requests if one.location.name not in later]
    return [first, [one for one in requests if one.location.name in later]]
