"""Figures and the table they are shown in."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURED = Path(__file__).parents[1] / "docs" / "measured"
"""Where each benchmark writes its page."""


@dataclass(frozen=True)
class Figure:
    """A measurement: its samples, and the bound it has to keep, all in the same unit."""

    name: str
    samples: Sequence[float]
    unit: str = "s"
    bound: float | None = None
    judged: str = "median"
    """The statistic that the bound applies to: `median`, `p95` or `max`."""

    @property
    def p95(self) -> float:
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]

    @property
    def judged_value(self) -> float:
        return {"median": statistics.median(self.samples), "p95": self.p95, "max": max(self.samples)}[
            self.judged
        ]

    def row(self) -> str:
        kept = "" if self.bound is None else ("yes" if self.judged_value <= self.bound else "**no**")
        bound = "" if self.bound is None else f"{self.judged} ≤ {self.bound:g} {self.unit}"
        spread = f"{min(self.samples):.2f} to {max(self.samples):.2f}"
        return (
            f"| {self.name} | {statistics.median(self.samples):.2f} | {self.p95:.2f} | {spread} "
            f"| {self.unit} | {len(self.samples)} | {bound} | {kept} |"
        )


def table(figures: Sequence[Figure]) -> str:
    head = [
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}.",
        "",
        "| measured | median | p95 | spread | unit | samples | bound | kept |",
        "|---|---:|---:|---|---|---:|---|---|",
    ]
    return "\n".join([*head, *(figure.row() for figure in figures)]) + "\n"
