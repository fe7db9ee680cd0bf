"""Retries what failed once, its file alone, after everything else. What then passes is reported as flaky.

The complete file is retried: tests of one sequence depend on those before them. A set-up that fails for many
tests of a file, such as that of their stack, is one failure.

A flaky test is a defect of the test: its cause is to be fixed. A few don't keep a good change from landing,
and more than a few do. Tests that start no process have no such excuse: they get no second try.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.session.order import file_of
from tests.session.outermost import is_outermost

VARIABLE = "PLAYGROUND_TEST_SECOND_TRY"
"""A variable of the process that retries: the file for the outcomes."""
MOST_FLAKY = 3
MOST_TRIED = 12
"""More failures than this are no noise."""
LONGEST = 300
"""Characters of a failure in the last lines."""
PURE_FOLDER, PURE_WORLD = "tests/unit/", "[fake"
SPOILT = pytest.StashKey[bool]()


def spoil(config: pytest.Config) -> None:
    """Make the session red whatever its tests say, such as for what it left on the machine."""
    config.stash[SPOILT] = True


def is_pure(nodeid: str) -> bool:
    """Return whether it starts no process and waits for nothing."""
    return nodeid.startswith(PURE_FOLDER) or PURE_WORLD in nodeid


class SecondTry:
    """Runs in the process that sees the reports of all workers, which ran tests beside one another."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.failed: dict[str, list[pytest.TestReport]] = {}
        self.flaky: list[str] = []
        self.unread: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.setdefault(report.nodeid, []).append(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that can't be imported has tests that nobody ran: no second try makes up for them."""
        if report.failed:
            self.unread[report.nodeid] = report.longreprtext.rstrip().rpartition("\n")[2]
            spoil(self.config)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Retry after the workers have ended, and before the terminal reports failures."""
        yield
        tried = [name for name in self.failed if not is_pure(name)]
        if session.exitstatus != pytest.ExitCode.TESTS_FAILED or not tried or self.config.option.maxfail:
            return
        if (causes := len(self._by_cause(tried))) > MOST_TRIED:
            self._say(
                f"{len(tried)} tests failed, of {causes} causes: too many for noise. None is tried again."
            )
            return
        self._say(f"Trying once more, alone: {len(tried)} of {len(self.failed)} that failed.")
        passed = try_again(self.config, tried)
        self.flaky = [name for name in tried if name in passed]
        self._tell_apart()
        if len(self.flaky) == len(self.failed) and len(self._by_cause(self.flaky)) <= MOST_FLAKY:
            spoilt = self.config.stash.get(SPOILT, False)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED if spoilt else pytest.ExitCode.OK

    def _tell_apart(self) -> None:
        """Change the terminal's statistics: a flaky test is no failure, and its text is kept."""
        stats = self._terminal.stats
        for kind in ("failed", "error"):
            found = stats.get(kind, [])
            stats[kind] = [report for report in found if report.nodeid not in self.flaky]
            stats.setdefault("flaky", []).extend(report for report in found if report.nodeid in self.flaky)
            if not stats[kind]:
                del stats[kind]

    def pytest_terminal_summary(self) -> None:
        for name in self.flaky:
            self._terminal.section(f"{name} failed at first", sep="_")
            for report in self.failed[name]:
                report.toterminal(self._terminal._tw)
                for title, text in report.sections:
                    self._terminal.section(title, sep="-")
                    self._terminal.write_line(text)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Print the last lines of all: where only an end is kept of what CI prints, it has every failure."""
        for name, said in self.unread.items():
            self._say(f"FAILED {name}, none of whose tests ran: {said[:LONGEST]}")
        red = [name for name in self.failed if name not in self.flaky]
        for word, names in (("FAILED", red), ("FLAKY", self.flaky)):
            for (_, said), (first, *more) in self._by_cause(names).items():
                also = f" and {len(more)} more tests" if more else ""
                self._say(f"{word} {first}{also}: {said[:LONGEST]}")
        if (causes := len(self._by_cause(self.flaky))) > MOST_FLAKY:
            self._say(f"{causes} were flaky, of which {MOST_FLAKY} may be: red.")

    def _by_cause(self, names: Iterable[str]) -> dict[tuple[str, str], list[str]]:
        """Return the tests by what failed: the test itself, or the set-up that it shares with others."""
        causes: dict[tuple[str, str], list[str]] = {}
        for name in names:
            first = self.failed[name][0]
            what = file_of(name) if first.when == "setup" else name
            causes.setdefault((what, said_by(first)), []).append(name)
        return causes

    @property
    def _terminal(self) -> pytest.TerminalReporter:
        found: pytest.TerminalReporter = self.config.pluginmanager.get_plugin("terminalreporter")
        return found

    def _say(self, line: str) -> None:
        self._terminal.ensure_newline()
        self._terminal.write_line(line)


def said_by(report: pytest.TestReport) -> str:
    """Return the first line of what it raised."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return next(iter((crash.message if crash else report.longreprtext).splitlines()), "")


def try_again(config: pytest.Config, names: list[str]) -> set[str]:
    """Run their files in a process of its own, one after the other. Returns the tests that pass."""
    options = ["-n", "0", "-m", config.option.markexpr]
    if context := config.getoption("--kube-context", None):
        options += ["--kube-context", context]
    with tempfile.TemporaryDirectory(prefix="pgtest-second-") as folder:
        file = Path(folder, "outcomes")
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, *sorted(set(map(file_of, names)))],
            cwd=config.rootpath,
            env={**os.environ, VARIABLE: str(file)},
            check=False,
        )
        return {name for name, outcome in outcomes(file).items() if outcome == "passed"}


def outcomes(file: Path) -> dict[str, str]:
    """Return `passed` where each part of the test did, set-up and tear-down too."""
    told: dict[str, set[str]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        name, outcome = json.loads(line)
        told.setdefault(name, set()).add(outcome)
    return {name: "passed" if seen == {"passed"} else "failed" for name, seen in told.items()}


class Outcomes:
    """Runs in the process that retries."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        with Path(os.environ[VARIABLE]).open("a") as lines:
            lines.write(json.dumps([report.nodeid, report.outcome]) + "\n")


def pytest_configure(config: pytest.Config) -> None:
    if not is_outermost(config):
        return
    if VARIABLE in os.environ:
        config.pluginmanager.register(Outcomes(), "playground-outcomes")
    elif getattr(config.option, "numprocesses", 0):  # otherwise each had the machine for itself already
        config.pluginmanager.register(SecondTry(config), "playground-second-try")
