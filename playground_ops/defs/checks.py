"""The health of the stack: an asset check for each topic of each component.

A finding makes its check red, or yellow, and leaves the run a success: the run did its work. The run fails
when the stack could not be examined.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from tabulate import tabulate

from playground_ops.checks.folding import Folded, fold, rows
from playground_ops.checks.topic import COLUMNS, MEANING, Report, Topic, is_urgent, merge
from playground_ops.config import OPS
from playground_ops.context import StackContext
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.progress import Progress
from playground_ops.defs.assets import key
from playground_ops.defs.evaluations import evaluation, is_lasting, of
from playground_ops.defs.jobs.reporting import failure
from playground_ops.defs.jobs.run_log import run_logged
from playground_ops.defs.resources import StackOpener
from playground_ops.defs.schedules import HEALTH_SCHEDULE, forget
from playground_ops.defs.sensors.notifications import notify
from playground_ops.engine import healing
from playground_ops.engine.context import Engine
from playground_ops.engine.health import examine
from playground_ops.engine.health.examine import Examined

JOB = "health_check"


def health_checks(components: Mapping[str, Sequence[Topic]]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="look_at_the_stack",
        specs=[
            dg.AssetCheckSpec(topic.value, asset=key(name), description=MEANING[topic])
            for name, topics in components.items()
            for topic in topics
        ],
        description="Every component runs and answers, nothing in it stands still, and it is as configured.",
        can_subset=True,
    )
    def look_at_the_stack(
        context: dg.AssetCheckExecutionContext, stack: dg.ResourceParam[StackOpener]
    ) -> Iterator[dg.AssetCheckEvaluation]:
        context.log.addFilter(_is_worth_a_line)
        chosen = {(one.asset_key, one.name) for one in context.selected_asset_check_keys}
        opened = None
        try:
            opened = stack.open()
            lost = examine.tend(opened.target, [one.name for one in opened.configuration.all_locations])
            lost += examine.cut_logs(opened.target, opened.configuration)
            seen = _examined(opened)
            sources, ahead = _sources(stack, opened)
        except PlaygroundError as error:
            blind = examine.blind(error, components)
            if opened:
                notify(context.instance, opened, fold(blind))
            yield evaluation(OPS.name, Topic.HEALTHY, blind[OPS.name][Topic.HEALTHY])
            raise failure(error.findings) from None
        for sentence in ahead:
            context.log.info(sentence)
        for sentence in lost:
            context.log.warning(sentence)
        if opened.configuration.health.heal_times:
            seen = _heal(context, opened, seen)
        merge(seen.report, sources)
        found = seen.folded
        for unsent in notify(context.instance, opened, found):
            context.log.error(unsent)
        # Components of a configuration that is newer than the loaded definitions of `ops` wait for its
        # reload.
        results = [
            of(found, name, topic, seen.numbers.get(name) if topic is Topic.ROOM else None)
            for name, topics in components.items()
            for topic in topics
            if (key(name), topic.value) in chosen
        ]
        known = [one for one in results if one is not None]
        yield from sorted(known, key=lambda one: (one.passed, one.severity != dg.AssetCheckSeverity.ERROR))
        kept, now = opened.configuration.health.kept_days, datetime.now(timezone.utc)
        first_of_the_hour = now.minute < opened.configuration.health.interval_minutes
        gone = forget(context.instance, JOB, HEALTH_SCHEDULE, now, kept) if first_of_the_hour else 0
        if gone:
            context.log.info(f"removed {gone} successful runs of this job that are older than {kept} days")
        _log(context, found)

    return look_at_the_stack


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drop Dagster's line about checks without an output. These checks return evaluations only: for an
    `AssetCheckResult` Dagster would look up the last materialization of its asset and write an output that
    nobody reads, which takes longer than all queries together. Without outputs it ends the run's page with
    such a line for every check.
    """
    return "did not yield or return expected outputs" not in record.getMessage()


def _examined(opened: StackContext) -> Examined:
    return examine.examine_twice(opened.target, opened.configuration, opened.engine.clock)


def _sources(stack: StackOpener, opened: StackContext) -> tuple[Report, list[str]]:
    """Ask the repositories. Where the policy of another configuration refused that, a deploy has changed it
    since this run read it: then with the new one, once."""
    found = examine.sources(opened.target, opened.configuration)
    if not examine.is_refused_by_the_policy(found[0]):
        return found
    anew = stack.open()
    return examine.sources(anew.target, anew.configuration)


def _heal(context: dg.AssetCheckExecutionContext, opened: StackContext, seen: Examined) -> Examined:
    """Mend what can be mended, then examine again. New releases are on record, and soon in the graph."""
    lasting = {name for name in seen.report if is_lasting(context.instance, name)}

    def work(progress_of: Callable[[str], Progress]) -> list[str]:
        def engine(name: str) -> Engine:
            return opened.with_progress(progress_of(name))

        return healing.heal(engine, opened.configuration, seen.report, lasting, context.run.run_id)

    done = run_logged(context.log, work).result()
    for sentence in done:
        context.log.warning(sentence)
    return _examined(opened) if done else seen


def _log(context: dg.AssetCheckExecutionContext, found: Folded) -> None:
    """Log the findings last, since a run's page opens at its end; in a table, the worst first."""
    worst = found.worst
    looked_at = sum(len(topics) for topics in found.report.values())
    if meanwhile := found.meanwhile():
        context.log.info(meanwhile)
    if not worst:
        context.log.info(f"Everything is well: {len(found.report)} components, {looked_at} checks.")
        return
    for _, topic, finding in reversed(worst):
        (context.log.error if is_urgent(topic, finding) else context.log.warning)(finding.sentence())
    bad = {(name, topic) for name, topic, _ in worst}
    table = tabulate(rows(found), headers=COLUMNS, tablefmt="simple", maxcolwidths=[20, 15, 90])
    say = context.log.error if is_urgent(*worst[0][1:]) else context.log.warning
    say(f"{len(bad)} of {looked_at} checks are not passed.\n\n{table}")


def health_job(checks: dg.AssetChecksDefinition) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.checks(checks),
        description="Examined at every component of the stack.",
    )
