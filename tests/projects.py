"""Real input for tests: projects as Dagster's own scaffolder makes them, in real git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

OLDER_DAGSTER = "1.11.12"
"""A minor version of its own, which must work under the stack's newer webserver."""

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.test",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.test",
}

_DEFINITIONS = """\
import dagster as dg

VERSION = "{version}"


@dg.asset
def {prefix}_numbers() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={{"version": VERSION}})


@dg.asset(deps=[{prefix}_numbers])
def {prefix}_total() -> None: ...


{prefix}_job = dg.define_asset_job("{prefix}_job", selection=dg.AssetSelection.all())


@dg.schedule(cron_schedule="0 4 * * *", job={prefix}_job)
def {prefix}_nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest()


@dg.sensor(job={prefix}_job, minimum_interval_seconds=30)
def {prefix}_watcher(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    return dg.SkipReason("nothing new")
"""


def scaffold(folder: Path, name: str) -> Path:
    """Make a project by `create-dagster project` in `folder / name`, without a lock yet."""
    command = Path(sys.executable).with_name("create-dagster")
    folder.mkdir(parents=True, exist_ok=True)
    run([str(command), "project", str(folder / name), "--no-uv-sync"], folder)
    return folder / name


def add_definitions(project: Path, *, prefix: str | None = None, version: str = "1") -> Path:
    """Write two assets, a job, a schedule and a sensor to `defs/`; writing them again makes a new version."""
    (package,) = [place for place in (project / "src").iterdir() if (place / "definitions.py").is_file()]
    file = package / "defs" / "numbers.py"
    file.write_text(_DEFINITIONS.format(prefix=prefix or package.name, version=version))
    return file


_SURROUNDINGS = """\
import os
import shutil
import subprocess
import sys

import dagster as dg


def surroundings() -> dict[str, str]:
    # It raises where something is not as `dagster dev` has it.
    with open("data/seed.csv") as file:
        seed = file.read()
    found = {{
        "seed": seed,
        "setting": os.environ["SETTING"],
        "configured": os.environ["CONFIGURED"],
        "python": shutil.which("python"),
        "dagster": shutil.which("dagster"),
        "environment": os.environ["VIRTUAL_ENV"],
        "of a program": subprocess.check_output(
            ["python", "-c", "import sys; print(sys.prefix)"], text=True).strip(),
    }}
    expected = {{
        "seed": "1",
        "setting": "from the file",
        "configured": "by the location",
        "python": sys.prefix + "/bin/python",
        "dagster": sys.prefix + "/bin/dagster",
        "environment": sys.prefix,
        "of a program": sys.prefix,
    }}
    assert found == expected, found
    assert len(os.environ["PLAYGROUND_COMMIT"]) == 40
    assert os.environ["PLAYGROUND_DEPLOYMENT"] == os.environ["DAGSTER_CLOUD_DEPLOYMENT_NAME"] == "main"
    assert os.environ["DAGSTER_CLOUD_GIT_SHA"] == os.environ["PLAYGROUND_COMMIT"]
    import scripts.later  # of the project's folder, and not imported before

    return found


IN_THE_SERVER = surroundings()


@dg.asset
def {prefix}_surroundings() -> None:
    surroundings()
"""


def add_surroundings(project: Path) -> None:
    """Add an asset that looks around: working directory, `.env`, programs; the server does so as well."""
    (package,) = [place for place in (project / "src").iterdir() if (place / "definitions.py").is_file()]
    for name, text in {"data/seed.csv": "1", "scripts/later.py": "", ".env": ENV_FILE}.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    file = package / "defs" / "surroundings.py"
    file.write_text(_SURROUNDINGS.format(prefix=package.name))


ENV_FILE = "SETTING=from the file\nCONFIGURED=by the file\nDAGSTER_HOME=/nowhere\n"


def pin(project: Path, *requirements: str) -> None:
    """Let the project depend on exactly `requirements` (a Dagster of its own among them)."""
    file = project / "pyproject.toml"
    head, _, rest = file.read_text().partition("dependencies = [")
    _, _, after = rest.partition("]")
    listed = "".join(f'    "{requirement}",\n' for requirement in requirements)
    file.write_text(f"{head}dependencies = [\n{listed}]{after}")


def lock(project: Path) -> None:
    """Run `uv lock`: once per test session and project is enough, it asks the package index."""
    uv = Path(sys.executable).with_name("uv")
    run([str(uv), "lock", "--no-python-downloads", "--python", sys.executable], project)


def package(place: Path, number: str = "1.0") -> Path:
    """Make a package named `place.name`, to be installed beside a project."""
    (place / place.name).mkdir(parents=True)
    (place / place.name / "__init__.py").write_text("ANSWER = 1\n")
    (place / "pyproject.toml").write_text(
        f'[project]\nname = "{place.name}"\nversion = "{number}"\n'
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    )
    return place


def monorepo(folders: pytest.TempPathFactory) -> Path:
    """Make `projects/sales`, which uses `packages/common`, and `projects/older`, on an older Dagster.

    Each file gets a copy: to scaffold and to lock takes 20 s, which one file of a session does for all.
    """
    folder, base = folders.mktemp("monorepo"), folders.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "scaffolded"
    if not kept.exists():
        made = _monorepo(folder / "made")
        with suppress(OSError):  # another worker was faster
            made.rename(kept)
    return Path(shutil.copytree(kept, folder / "repository", symlinks=True))


def _monorepo(folder: Path) -> Path:
    root = repository(folder)
    package(root / "packages" / "common")
    sales, older = scaffold(root / "projects", "sales"), scaffold(root / "projects", "older")
    pin(older, f"dagster=={OLDER_DAGSTER}")
    pin(sales, "dagster>=1.13,<1.14", "common")
    with (sales / "pyproject.toml").open("a") as file:
        file.write('\n[tool.uv.sources]\ncommon = { path = "../../packages/common", editable = true }\n')
    commit_all(root, "As scaffolded")
    for project in (sales, older):
        add_definitions(project)
        lock(project)
    commit_all(root, "Definitions and locks")
    return root


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    return run(["git", "-c", "protocol.file.allow=always", *arguments], folder, check=check).strip()


def repository(folder: Path) -> Path:
    """Make an empty repository on branch `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit_all(repository: Path, message: str) -> str:
    """Commit whatever is there. Returns the full commit hash."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(repository, "rev-parse", "HEAD")


def run(command: Sequence[str], folder: Path, *, check: bool = True) -> str:
    environment = {**os.environ, **_AUTHOR, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        list(command),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout
