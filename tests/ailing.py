"""Real failures of a stack that serves, one after the other: each is reported, and nothing else is."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Generic, Protocol, TypeVar

from tests.asking import eventually

WHERE = re.compile(r" (--(target|context|config) [^ `]+|-n test-[0-9a-f]+)")
"""What printed commands say of the stack under test; it is of no use to a reader of the results."""


class Stack(Protocol):
    def run(self, *arguments: str) -> CompletedProcess[str]: ...


class Ailing(Protocol):
    """The stack in which a failure is made."""

    @property
    def stack(self) -> Stack: ...


P = TypeVar("P", bound=Ailing)


@dataclass(frozen=True)
class Case(Generic[P]):
    name: str
    component: str
    check: str
    said: str
    do: Callable[[P], object]
    mend: Callable[[P], object]
    others: tuple[str, ...] = ()
    """Components for which it is reported too, since they suffer from it."""


LAST_ROLLOUT = "last_rollout"
"""What earlier tests have rolled out in vain stays in sight, and is no failure of what serves."""


def findings(stack: Stack) -> list[dict[str, Any]]:
    ended = stack.run("health", "--json")
    found: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
    return [one for one in found if one["check"] != LAST_ROLLOUT]


def wait_until_well(stack: Stack) -> None:
    """Wait until nothing is reported; fails with what still is."""
    wait_until_nothing_is_told(lambda: findings(stack))


def wait_until_nothing_is_told(told: Callable[[], list[dict[str, Any]]]) -> None:
    seen: list[dict[str, Any]] = []

    def well() -> bool:
        seen[:] = told()
        return seen == []

    try:
        eventually("all to be well", well, 180, 1)
    except AssertionError:
        raise AssertionError(f"not well again: {seen}") from None


def make(place: P, case: Case[P]) -> str:
    """Make the failure and return its row. Raises AssertionError where the reports are wrong."""
    return make_together(place, [case])[0]


def make_together(place: P, cases: Sequence[Case[P]]) -> list[str]:
    """Make failures that have nothing to do with one another, and return their rows: a look costs the cluster
    nine seconds of a processor. Raises AssertionError as `make`."""
    wait_until_well(place.stack)
    for case in cases:
        case.do(place)
    began, last = time.monotonic(), list[dict[str, Any]]()

    def seen() -> list[dict[str, Any]] | None:
        last[:] = findings(place.stack)
        told = [next((one for one in last if _is_told(one, case)), None) for case in cases]
        found = [one for one in told if one is not None]
        return found if len(found) == len(cases) else None

    names = " and ".join(case.name for case in cases)
    try:
        found = eventually(f"{names} to be told", seen, 150, 0.5)
        told = {one["component"] for one in last}
        assert told <= {name for case in cases for name in (case.component, *case.others)}, last
    except AssertionError as error:
        raise AssertionError(f"{error}; last told: {last}") from None
    finally:
        took = time.monotonic() - began
        for case in cases:
            case.mend(place)
    return [_row(case, one, took) for case, one in zip(cases, found, strict=True)]


def _row(case: Case[P], found: dict[str, Any], seconds: float) -> str:
    whole = f"{found['object']}: {found['observed']} {found['cause']} {found['fix']}"
    sentence = WHERE.sub("", whole).replace("|", "\\|")
    return f"| {case.name} | {case.component} {case.check} | {seconds:.0f} | {sentence} |"


def make_all(place: P, cases: Sequence[Case[P]], results: Path, head: str) -> None:
    """Make all failures and write what was reported, replacing earlier rows of the same failure.

    Raises AssertionError with all that were not reported as they should be.
    """
    rows, failed = _written(results), []
    for case in cases:
        try:
            rows.pop(case.name, None)
            rows[case.name] = make(place, case)
        except Exception as error:  # the next one is made all the same
            failed.append(f"{case.name}: {type(error).__name__}: {error}")
            print(failed[-1], flush=True)
    columns = "| what was done | check | seconds until seen | the sentence |\n|---|---|---:|---|"
    results.write_text(f"{head}\n{columns}\n" + "\n".join(rows.values()) + "\n")
    wait_until_well(place.stack)
    assert failed == []


def _written(results: Path) -> dict[str, str]:
    """Return the rows by what was done."""
    lines = results.read_text().splitlines() if results.exists() else []
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| what was done")]
    return {line.split(" | ")[0].removeprefix("| "): line for line in rows}


def _is_told(one: dict[str, Any], case: Case[P]) -> bool:
    text = f"{one['object']}: {one['observed']} {one['cause']} {one['fix']} {one['evidence']}"
    return (one["component"], one["check"]) == (case.component, case.check) and case.said in text
