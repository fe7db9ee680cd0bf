"""One line for each reason to skip, with the number of tests."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.session.outermost import is_outermost


class Skips:
    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.tests[reason_of(report)].add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for reason, tests in sorted(self.tests.items()):
            terminalreporter.write_line(f"SKIPPED {len(tests)}: {reason}")


def reason_of(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)


def pytest_configure(config: pytest.Config) -> None:
    if is_outermost(config):
        config.pluginmanager.register(Skips(), "playground-skips")
