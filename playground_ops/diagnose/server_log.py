"""The catalogue of ways in which a code server or another Dagster process ends before it answers.

Each entry is a pattern in the log's tail and what it means. The first that matches wins, so specific entries
come before general ones.
"""

import re

from playground_ops.core.errors import Finding, certain, transient
from playground_ops.diagnose.exceptions import last_raised
from playground_ops.diagnose.known import CAPACITY, CERTAIN, TRANSIENT, Known
from playground_ops.diagnose.repository_layout import LAYOUT
from playground_ops.diagnose.variables import missing_variable

EVIDENCE_LINES = 40
SHOWN = 500
"""Characters of a message that are told in a sentence; the evidence has more."""
DISTRIBUTIONS = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Distributions whose packages are imported by another name than they are installed by."""


TABLES = (
    "runs|run_tags|snapshots|daemon_heartbeats|bulk_actions|backfill_tags|instance_info|kvs|event_logs|asset_keys|"
    "asset_event_tags|asset_check_executions|dynamic_partitions|secondary_indexes|concurrency_\\w+|pending_steps|"
    "jobs|job_ticks|instigators|asset_daemon_asset_evaluations|alembic_version"
)
"""Tables of Dagster's own storage (dagster._core.storage, the three schemas)."""


CATALOGUE = (
    *LAYOUT,
    Known(r"^.*No space left on device.*$", CAPACITY, "The disk is full.", "Make room, then redeploy."),
    Known(
        r"^.*(?:MemoryError|Cannot allocate memory).*$",
        CAPACITY,
        "The machine is out of memory.",
        "Free memory or run fewer locations, then redeploy.",
    ),
    Known(
        r"^.*(?:Too many open files).*$",
        CAPACITY,
        "The limit of open files is reached.",
        "Raise `ulimit -n`, then redeploy.",
    ),
    Known(
        r"^\S*python[\d.]*: No module named .*$",
        CERTAIN,
        "The command that starts it names a module that is not installed there.",
        "Install it there, or start what is there.",
    ),
    Known(
        r"^.*DagsterPostgresException: too many retries.*$",
        TRANSIENT,
        "The stack's own database does not answer: a server looks at it once when it starts.",
        "Bring it back: `logs postgres`, `health`.",
    ),
    Known(
        rf"^.*psycopg2\.errors\.\w+\) .*\b(?:{TABLES})\b.* already exists.*$",
        TRANSIENT,
        "Several processes made Dagster's tables in an empty database at once, and this one came late.",
        "It is started again and finds them there.",
    ),
    Known(
        r"^.*(?:CouldNotBindGrpcServer|Failed to bind to address|Address already in use).*$",
        CERTAIN,
        "The port that the server is to listen on is in use: something that is imported listens there.",
        "Let no code listen on a port at import, least of all on 4000, which is the code server's.",
    ),
    Known(
        r"^The image lacks the package of the object store: \w+$",
        CERTAIN,
        "`kubernetes.artifacts_store` has Dagster keep in a store what runs print, by this package.",
        "Add it to the image that `pod: image:` names, in the version that goes with its Dagster.",
    ),
    Known(
        r"^(?:psycopg2\.|sqlalchemy\.exc\.)?OperationalError.*$",
        TRANSIENT,
        "A database that the code uses while it is imported did not answer.",
        "Bring the database back; better, connect when a run needs it and not at import.",
    ),
    Known(
        r"^(?:\w+\.)*(?:ConnectionError|ConnectionRefusedError|TimeoutError|gaierror|URLError|ConnectTimeout).*$",
        TRANSIENT,
        "Something on the network that the code uses while it is imported did not answer.",
        "Bring it back; better, use it when a run needs it and not at import.",
    ),
    Known(
        r"^ModuleNotFoundError: No module named .*$",
        CERTAIN,
        "A module is missing: misspelt, not in this commit, or a package that the environment lacks.",
        "Mend the import; or have the package{package} in the project's dependencies, on Kubernetes in the "
        "location's image; or set the location's module and subdirectory.",
    ),
    Known(
        r"^(?:IndentationError|TabError|SyntaxError): .*$",
        CERTAIN,
        "The code is not valid Python.",
        "Mend that line and redeploy.",
    ),
    Known(
        r"^ImportError: .*$",
        CERTAIN,
        "A name that is imported does not exist there: a renamed function, or another version of a package.",
        "Mend the import or pin the package's version.",
    ),
    Known(
        r"^.*No (?:repositories|jobs|definitions|Definitions).*(?:found|loadable).*$",
        CERTAIN,
        "The module has no Definitions object at top level.",
        "Define `defs = dg.Definitions(...)` there, or name the module that does.",
    ),
    Known(
        r"^dagster_dbt\.errors\.DagsterDbtManifestNotFoundError: .*$",
        CERTAIN,
        "The manifest of a dbt project is not in git, and nothing made it for this release.",
        "Have it made by `prepare:` of the location: `dagster-dbt project prepare-and-package --file FILE`.",
    ),
    Known(
        r"^dagster\S*\.(?:DagsterInvalid\w*|DagsterInvariant\w*|DagsterUnmet\w*|Dagster\w*Error): .*$",
        CERTAIN,
        "Dagster refuses the definitions: they contradict each other or its rules.",
        "Mend the definitions as the message says; `dg check defs` shows it without a deploy.",
    ),
    Known(
        r"^.*(?:No such option|Got unexpected extra argument|Invalid value for).*$",
        CERTAIN,
        "This version of Dagster does not know an option that its server is started with.",
        "Bring the project to a Dagster version this stack supports (1.11 to 1.13).",
    ),
    Known(
        r"^(?:[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt)|AssertionError|SystemExit)\b.*$",
        CERTAIN,
        "Importing the definitions raised this exception.",
        "Mend that line and redeploy.",
    ),
)


def explain_exit(subject: str, exit_status: str, log_tail: str) -> Finding:
    """Explain why a server ended without answering. `subject` is `release/NAME`; the tail is redacted."""
    raised = last_raised(log_tail)
    if raised and (name := missing_variable(raised.message, raised.excerpt)):
        return certain(
            object=subject,
            observed=_sentence(raised.sentence, raised.where),
            cause=f"The variable {name} is not in the environment of its server.",
            fix="Give it by `environment:` of the location, or, if it is a secret, in a Secret by `pod: "
            "environment_from_secrets:`; then redeploy.",
            evidence=_last_lines(raised.excerpt),
            whose="surroundings",
        )
    for known in CATALOGUE:
        if known.in_library and not (raised and raised.in_library):
            continue
        matches = list(re.finditer(known.pattern, raised.message if raised else log_tail, re.MULTILINE))
        if matches:
            line = (raised.sentence if raised else matches[-1].group(0)).strip()
            return Finding(
                kind=known.kind,
                object=subject,
                observed=_sentence(line, raised.where if raised else ""),
                cause=known.cause,
                fix=known.fix.replace("{package}", _package(line)),
                evidence=_last_lines(raised.excerpt if raised else log_tail),
            )
    killed = "signal" in exit_status
    return Finding(
        kind=TRANSIENT if killed else CERTAIN,
        object=subject,
        observed=f"The server ended ({exit_status}) before it answered.",
        cause="It was killed: by a person, or by the kernel for want of memory."
        if killed
        else "It printed nothing that is known here.",
        fix="Look at its last lines below, then redeploy.",
        evidence=_last_lines(log_tail),
    )


def _package(line: str) -> str:
    """Return the distribution to install for `No module named 'yaml.x'`."""
    found = re.search(r"No module named '([\w.]+)'", line)
    top = found[1].partition(".")[0] if found else ""
    return f" {DISTRIBUTIONS.get(top, top)}" if top else ""


def _sentence(line: str, where: str) -> str:
    shown = (line if len(line) <= SHOWN else f"{line[:SHOWN]}...").rstrip(".:")
    return f"{shown} (at {where})." if where else f"{shown}."


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-EVIDENCE_LINES:])


def explain_end(subject: str, exit_status: str, log_tail: str) -> Finding:
    """Explain the end of a container; `subject` is `pod/NAME/CONTAINER`, the tail is redacted already."""
    raised, lines = last_raised(log_tail), log_tail.strip().splitlines()
    last = raised.sentence if raised else lines[-1].strip() if lines else ""
    return transient(
        object=subject,
        observed=f"It ended ({exit_status}){f', saying: {last[:300]}' if last else ' and said nothing'}.",
        cause="It is started again, ever more rarely.",
        fix=f"`logs {_logged(subject)} --previous` has all it said; `plan` shows what was changed, by whom.",
        evidence="\n".join(lines[-EVIDENCE_LINES:]),
        whose="surroundings",
    )


_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""What a ReplicaSet and its pods have behind the Deployment's name (k8s.io/apimachinery, util/rand)."""
_STANDING = re.compile(
    rf"pod/dagster-(?:((?:webserver|daemon)(?:-[a-z0-9-]+?)?)-{_RANDOM}{{6,10}}-{_RANDOM}{{5}}/"
    r"|(webserver-read-only|webserver|daemon|postgres)-)"
)


def _logged(subject: str) -> str:
    """Return the arguments of `logs` for `pod/NAME/CONTAINER`; an init container is no component."""
    container, found = subject.rpartition("/")[2], _STANDING.match(subject)
    component = (found[1] or found[2]) if found else container
    own = container.removeprefix("dagster-")
    is_whole = component == own or component.startswith(f"{own}-")
    return component if is_whole else f"{component} -c {container}"
