"""One stack for all files of a worker that don't break it for others: a file makes locations, not a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import yaml


class Shareable(Protocol):
    @property
    def config(self) -> Path: ...
    def configure(self, **document: Any) -> None: ...
    def bootstrap(self) -> object: ...
    def ok(self, *arguments: str) -> str: ...


S = TypeVar("S", bound=Shareable)


@contextmanager
def changed(stack: Shareable, location: str, **settings: Any) -> Iterator[None]:
    """Give a location other settings in the configuration file within the block. Nothing is deployed."""
    before = stack.config.read_text()
    found = yaml.safe_load(before)["code_locations"]
    stack.configure(code_locations=[one | settings if one["name"] == location else one for one in found])
    try:
        yield
    finally:
        stack.config.write_text(before)


class SharedStack(Generic[S]):
    """A file gets it with the locations that it names, and no others: those of the file before are withdrawn.

    After a failed test its state is unknown: the next file gets a new one. A file may name its locations as
    it likes; numbers of releases go on where the name has been used before.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[S]]) -> None:
        """Prepare it; `make` yields a stack of which nothing is deployed yet, gone after the block."""
        self._make = make
        self._closing = ExitStack()
        self._stack: S | None = None
        self._deployed = ""
        """The configuration of the last deploy that was made here."""
        self.suspect = False

    @property
    def stack(self) -> S:
        assert self._stack is not None, "nobody has asked for it yet"
        return self._stack

    @contextmanager
    def having(self, *locations: dict[str, Any], **sections: Any) -> Iterator[S]:
        """Deploy with these locations; `sections` are others of the configuration file.

        Their automation is off unless they say otherwise: no test needs a run each minute.
        """
        stack = self.made()
        quiet = [{"automation": "off", **location} for location in locations]
        # What the file before has in another deployment may go, or come here.
        deploy = partial(stack.ok, "deploy", "--force") if self._deployed else stack.bootstrap
        self._bring_about(deploy, quiet, sections)
        yield stack

    def made(self) -> S:
        """Return the stack, of which perhaps nothing is deployed yet."""
        if self.suspect:
            self.close()
        if self._stack is None:
            self._stack = self._closing.enter_context(self._make())
        return self._stack

    def bare(self) -> S:
        """Return the stack as the file before left it, for a file whose tests deploy."""
        if self._stack is not None and not self.suspect:
            return self._stack
        with self.having() as stack:
            return stack

    def _bring_about(
        self, deploy: Callable[[], object], locations: list[dict[str, Any]], sections: dict[str, Any]
    ) -> None:
        """Deploy, unless that is deployed already and no file has configured anything else since."""
        file = self.stack.config
        before = file.read_text() if file.exists() else ""
        self.stack.configure(code_locations=locations, **sections)
        wanted = file.read_text()
        if not before == wanted == self._deployed:
            deploy()
            self._deployed = wanted

    def close(self) -> None:
        self._closing.close()
        self._stack, self._deployed, self.suspect = None, "", False
