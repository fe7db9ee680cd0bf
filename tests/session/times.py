"""Where the time of a session goes: by folder, by test, and how many stacks and clusters were started."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from tests.session.order import SECONDS, file_of, recorded
from tests.session.outermost import is_outermost, share_file

VARIABLE = "PLAYGROUND_TEST_STARTED"
SLOWEST = 30


def started(what: str) -> None:
    """Count one that was started, such as `a stack on the cluster`, over all workers."""
    if file := os.environ.get(VARIABLE):
        with Path(file).open("a") as lines:
            lines.write(f"{what}\n")


class Times:
    """Runs in the process that sees the reports of all workers."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.began = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration  # type: ignore[assignment]

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        if config.getoption("--save-times"):
            save({**recorded(), **self.by(file_of)})
        if os.environ.get("CI") or config.getoption("--times"):
            terminalreporter.section("where the time went")
            terminalreporter.write_line("\n".join(self.table()))

    def by(self, part: Callable[[str], str]) -> Counter[str]:
        told: Counter[str] = Counter()
        for name, seconds in self.seconds.items():
            told[part(name)] += seconds
        return told

    def table(self) -> list[str]:
        """Return Markdown, so that it can be kept."""
        whole, summed = time.monotonic() - self.began, sum(self.seconds.values())
        lines = [
            f"{whole:.0f} s from start to end, {summed:.0f} s of tests in {len(self.seconds)} tests.",
            "",
            "| folder | seconds | tests |",
            "|---|---:|---:|",
        ]
        tests = Counter(folder_of(name) for name in self.seconds)
        lines += [
            f"| {name} | {seconds:.0f} | {tests[name]} |"
            for name, seconds in self.by(folder_of).most_common()
        ]
        lines += ["", "| started | number |", "|---|---:|"]
        lines += [f"| {what} | {number} |" for what, number in sorted(self._started().items())]
        lines += ["", "| slowest | seconds |", "|---|---:|"]
        lines += [f"| {name} | {seconds:.0f} |" for name, seconds in self.seconds.most_common(SLOWEST)]
        return lines

    @staticmethod
    def _started() -> Counter[str]:
        return Counter(Path(os.environ[VARIABLE]).read_text().splitlines())


def folder_of(nodeid: str) -> str:
    return str(PurePosixPath(file_of(nodeid)).parent)


def save(seconds: dict[str, float]) -> None:
    there = {name: round(took, 1) for name, took in sorted(seconds.items()) if Path(name).exists()}
    SECONDS.write_text(json.dumps(there, indent=1) + "\n")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", action="store_true", help="end with where the time went, as CI does")
    parser.addoption(
        "--save-times", action="store_true", help="keep what each file took: the longest is then begun first"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not is_outermost(config):
        return
    config.pluginmanager.register(Times(), "playground-times")
    share_file(config, VARIABLE)
