"""Rollouts, findings and plans as metadata that reads well in Dagster's UI. Pure."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import dagster as dg

from playground_ops.checks.causes import Seen
from playground_ops.core.changes import Changes, Difference
from playground_ops.core.commands import SCRIPT, first_of
from playground_ops.core.component import Component
from playground_ops.core.errors import Finding, FindingKind
from playground_ops.core.model import Outcome, Revision, RolloutRecord
from playground_ops.core.plan import FieldChange, Plan
from playground_ops.core.redact import printable
from playground_ops.engine import produced_table
from playground_ops.engine.compare import Comparison
from playground_ops.engine.compare_assets import AssetComparison

Metadata = dict[str, dg.MetadataValue]

_COMMIT_PAGE = {"github.com": "commit", "gitlab.com": "-/commit", "bitbucket.org": "commits"}
"""Where public hosts show a commit, below the repository's page."""

_MARKS = re.compile(r"[\\|*_`<>\[\]~&#!$]")
_MARKS_OF_PROSE = re.compile(r"[\\*_`<>\[\]~&!$]|(?<!\S)#")
_CODE = re.compile(r"((?<!`)(`+)(?!`).+?(?<!`)\2(?!`))")
"""A span of code (CommonMark, 6.1)."""

_MEANING = {
    FindingKind.CERTAIN: "it will fail again until this is changed",
    FindingKind.TRANSIENT: "it may pass; try again",
    FindingKind.CAPACITY: "there was no room; nothing is held against the commit",
}


def of_rollout(record: RolloutRecord) -> Metadata:
    """Return the rows; the outcome and its reason come first: the run's page folds a long event."""
    found: Metadata = {"summary": dg.MetadataValue.text(headline(record))}
    if record.finding is not None:
        found |= _reason(record.finding)
    release, revision = record.release, record.revision
    if release is not None:
        found["release"] = dg.MetadataValue.int(release.number)
    if revision is not None:
        found["commit"] = _commit(revision)
        found["subject"] = dg.MetadataValue.text(revision.subject or "-")
        found["author"] = dg.MetadataValue.text(revision.author or "-")
    if record.previous_commit is not None:
        found["previous commit"] = dg.MetadataValue.text(
            f"{record.previous_commit} (release {record.previous})"
        )
    if record.changes is not None:
        found |= _of_changes(record.changes)
    found["seconds"] = dg.MetadataValue.float(round(sum(record.durations.values(), 0.0), 2))
    found["durations"] = dg.MetadataValue.md(durations(record))
    found["requested by"] = dg.MetadataValue.text(f"{record.by} ({record.action})")
    if record.approved_by is not None:
        found["approved by"] = dg.MetadataValue.text(record.approved_by)
    if record.warnings:
        found["warnings"] = dg.MetadataValue.md("\n".join(f"- {cell(text)}" for text in record.warnings))
    return found | (_evidence(record.finding, record.log_tail) if record.finding else {})


def of_finding(finding: Finding, log_tail: str = "") -> Metadata:
    """Return one row per part: the run's page shows text at once, and Markdown only behind a link."""
    run = finding.run_id if isinstance(finding, Seen) else None
    of_run: Metadata = {"run": dg.MetadataValue.dagster_run(run)} if run else {}
    return _reason(finding) | of_run | _evidence(finding, log_tail)


def _reason(finding: Finding) -> Metadata:
    command = first_of(f"{finding.observed} {finding.cause} {finding.fix}")
    place = {"where to do it": where(command)} if command else {}
    return {
        name: dg.MetadataValue.text(text)
        for name, text in {
            "what went wrong": f"{finding.object}: {finding.observed}",
            "likely cause": finding.cause,
            "what to do": finding.fix,
            **place,
            "kind": f"{finding.kind.value}: {_MEANING[finding.kind]}",
        }.items()
    }


def where(command: str) -> str:
    """Return where a command of this project is given: who reads a page of the UI has neither folder nor
    options before them."""
    return (
        f"`{command}` is a job here where there is one of its name; else `{SCRIPT} {command}`, in the folder "
        "of the stack's configvalues.yaml, on Kubernetes with the stack's --target and --context where that "
        "file has none."
    )


def _evidence(finding: Finding, log_tail: str) -> Metadata:
    found: Metadata = {}
    evidence = finding.evidence or log_tail
    if evidence:
        found["evidence"] = dg.MetadataValue.md(code(evidence))
    if log_tail and log_tail != evidence:
        found["log"] = dg.MetadataValue.md(code(log_tail))
    return found


def of_plan(plan: Plan) -> Metadata:
    """Return the changes first, then drift set by others; what stays unchanged is only counted."""
    rows = ["| action | what | field | before | after |", "|---|---|---|---|---|"]
    for change in plan.changes:
        if change.action == "unchanged" and not change.drift:
            continue
        action = "needs bootstrap" if change in plan.needing_bootstrap() else change.action
        rows.append(f"| **{action}** | {cell(change.object or change.component)} | | | |")
        fields = [field.in_short() for field in change.fields if change.action == "update"]
        rows += [f"| | | {_changed_field(field)} |" for field in fields]
        rows += [f"| | | {cell(one.path)} | drift, by {cell(one.manager)} | stays |" for one in change.drift]
    return {"summary": dg.MetadataValue.text(plan.summary()), "plan": dg.MetadataValue.md("\n".join(rows))}


def _changed_field(field: FieldChange) -> str:
    whose = f", set by {cell(field.manager)}" if field.manager else ""
    return f"{cell(field.path)} | {cell(field.before)}{whose} | {cell(field.after)}"


def of_comparison(found: Comparison) -> Metadata:
    return {
        "summary": dg.MetadataValue.text(found.summary()),
        "differences": dg.MetadataValue.md(_differences(found.differences) if found.differences else "none"),
    }


def of_assets(found: AssetComparison) -> Metadata:
    """Return the table of what both have made, and the pages of runs that were launched for it."""
    heads = [f"| {' | '.join(map(cell, produced_table.columns(found)))} |", "|---|---|---:|---:|---:|"]
    rows = [
        f"| {_bold(name)} | {' | '.join(map(cell, rest))} |" for name, *rest in produced_table.lines(found)
    ]
    told: Metadata = {
        "summary": dg.MetadataValue.text(found.summary()),
        "assets": dg.MetadataValue.md("\n".join([*heads, *rows]) if rows else "none"),
    }
    pages = {f"run {number}": _page(page) for number, page in enumerate(found.runs, start=1)}
    return {**told, **pages}


def _bold(name: str) -> str:
    return f"**{cell(name)}**" if name else ""


def _page(page: str) -> dg.MetadataValue:
    """Return the page as a link, unless words after it say how to get there."""
    return dg.MetadataValue.text(page) if " " in page else dg.MetadataValue.url(page)


def _of_changes(changes: Changes) -> Metadata:
    found: Metadata = {"changes": dg.MetadataValue.text(changes.sentence())}
    if changes.shown:
        left = f"\n\nand {changes.left_out:,} more" if changes.left_out else ""
        found["differences"] = dg.MetadataValue.md(f"{_differences(changes.shown)}{left}")
    return found


def _differences(differences: Sequence[Difference]) -> str:
    rows = ["| change | what | field | before | after |", "|---|---|---|---|---|"]
    for one in differences:
        rows.append(f"| **{one.change}** | {cell(one.kind)} {cell(one.name)} | | | |")
        rows += [f"| | | {_changed_field(field.in_short())} |" for field in one.fields]
    return "\n".join(rows)


def of_component(component: Component) -> Metadata:
    rows = [f"| {cell(name)} | {cell(value)} |" for name, value in sorted(component.settings.items())]
    return {"settings": dg.MetadataValue.md("\n".join(["| setting | value |", "|---|---|", *rows]))}


def headline(record: RolloutRecord) -> str:
    """Return what serves now, without Markdown: one page of the UI shows the marks, another renders them."""
    at = f" at {record.revision.short}" if record.revision else ""
    number = f"release {record.release.number}" if record.release else "no release"
    if record.outcome is Outcome.DONE:
        return f"{record.location} serves {number}{at}"
    kept = f"release {record.previous} still serves" if record.previous else "nothing serves"
    outcome = record.outcome.value if record.outcome else "under way"
    return f"{record.location}: {record.action} to {number}{at} {outcome}; {kept}"


def durations(record: RolloutRecord) -> str:
    rows = [f"| {phase} | {seconds:.2f} |" for phase, seconds in record.durations.items()]
    return "\n".join(["| phase | seconds |", "|---|---:|", *rows])


def code(text: str) -> str:
    """Return a fenced block; the fence is longer than any run of backticks inside."""
    text, fence = printable(text), "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def cell(text: object) -> str:
    """Return text that stays in its table cell: no line breaks, no bars, no Markdown of its own."""
    return _MARKS.sub(r"\\\g<0>", " ".join(printable(str("-" if text is None else text)).split()))


def prose(text: str) -> str:
    """Return one paragraph: what stands in backticks is code, and nothing else is Markdown or HTML."""
    parts = _CODE.split(" ".join(printable(text).split()))
    plain, spans = parts[::3], [*parts[1::3], ""]
    escaped = (_MARKS_OF_PROSE.sub(r"\\\g<0>", part) for part in plain)
    return "".join(f"{part}{span}" for part, span in zip(escaped, spans, strict=True))


def page_of(repository: str | None, commit: str | None = None) -> str | None:
    """Return the address of a repository's or commit's page, where its host is known to have one."""
    if repository is None or urlsplit(repository).scheme not in ("http", "https"):
        return None
    page = repository.removesuffix("/").removesuffix(".git")
    if commit is None:
        return page
    path = _COMMIT_PAGE.get(urlsplit(repository).hostname or "")
    return f"{page}/{path}/{commit}" if path else None


def sentence(findings: Sequence[Finding]) -> str:
    return "\n".join(finding.sentence() for finding in findings)


def _commit(revision: Revision) -> dg.MetadataValue:
    page = page_of(revision.repository, revision.commit)
    return dg.MetadataValue.url(page) if page else dg.MetadataValue.text(revision.commit)
