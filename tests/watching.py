"""Looks at a stack's UI all the time, as a person who does not want to see that anything happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

from tests.asking import Asking

EVERY_SECONDS = 0.2
AWAY = (ConnectionError, HTTPException)
"""How a webserver that is not there, or ends, is seen."""


@dataclass
class Seen:
    polls: int = 0
    wrong: list[str] = field(default_factory=list)
    """What the UI showed that was wrong, or why it could not be asked."""
    away: int = 0
    """How often nobody answered."""


def must_have_shown(seen: Seen, checked: str) -> None:
    """Fail if anything was in error, or nobody answered; `checked`: what `upgrade --check` said before.

    Where that says that the webserver restarts it is away meanwhile, and in error at no time.
    """
    assert seen.polls > seen.away + 2
    assert not seen.wrong
    if "webserver: restarts" not in checked:
        assert seen.away == 0, f"{seen.away} of {seen.polls} polls were not answered"


@contextmanager
def watched(ui: str, locations: Sequence[str]) -> Iterator[Seen]:
    """Poll what the UI shows of these locations, five times a second."""
    seen, over, asking = Seen(), threading.Event(), Asking()

    def look() -> None:
        while not over.wait(EVERY_SECONDS):
            seen.polls += 1
            for name in locations:
                try:
                    if not asking.assets(name, ui):
                        seen.wrong.append(f"{name} shows no assets")
                except OSError as error:
                    cause = getattr(error, "reason", error)
                    if isinstance(cause, AWAY):
                        seen.away += 1
                        break
                    seen.wrong.append(f"{name}: {error!r}")
                except HTTPException:
                    seen.away += 1
                    break
                except (AssertionError, KeyError) as error:
                    seen.wrong.append(f"{name}: {error!r}")

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()
