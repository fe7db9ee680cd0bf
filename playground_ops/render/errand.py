"""A Job that runs one command of this project inside the cluster, as `ops`: rollouts are made there.

From outside, neither code servers nor the database can be reached, nor should they be.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import yaml

from playground_ops.config import Configuration
from playground_ops.model import Release
from playground_ops.pods import Resources
from playground_ops.render import gitsync, instance
from playground_ops.render.names import (
    APP_FOLDER,
    HOME,
    OPS_ACCOUNT,
    PROJECT_FOLDER,
    SOURCE_FOLDER,
    Object,
    an_object,
    labels,
)
from playground_ops.render.pod import Container, config_map, container, pod, variable, writable
from playground_ops.render.release import START, UNPACK, configuration_file, project

NAME = "playground-ops"
COMPONENT = "errand"
RESOURCES = Resources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"memory": "1Gi"})
FAILED, WRONG = 1, 2
"""Exit codes of the command line: it said why, and doing it again changes nothing."""
ATTEMPTS = 4
HANDED_OVER = "dagster-code"
"""The ConfigMap with this project's code for a stack that is applied by hand; rollouts name it by content."""
KEPT_SECONDS = 3600


def render(
    configuration: Configuration,
    name: str,
    archive: str,
    arguments: Sequence[str],
    by: str,
    release: Release | None = None,
) -> Object:
    """`arguments` of `python -m playground_ops`, and who asks. Done again when its pod is lost: every may be.

    `release`: of `ops` from git, by whose code and configuration it is done; else by the archive's.
    """
    settings, namespace = configuration.kubernetes.ops, configuration.kubernetes.namespace
    tags = labels(name, COMPONENT)
    source = [] if release else [config_map(archive, SOURCE_FOLDER, "source")]
    volumes = [*source, writable("app", APP_FOLDER), writable("home", HOME), writable("tmp", "/tmp")]
    folder = project(release) if release else PROJECT_FOLDER
    fetch = gitsync.fetching(release, configuration, ()) if release else None
    found = Container(
        name=NAME,
        image=instance.image(configuration, settings),
        resources=RESOURCES,
        command=["sh", "-ec", START if release else UNPACK, folder],
        arguments=["env", f"PYTHONPATH={folder}", "python", "-m", "playground_ops", *arguments],
        variables=[
            *instance.variables(configuration),
            variable("PLAYGROUND_NAMESPACE", namespace),
            variable("PLAYGROUND_BY", by),
            variable("PLAYGROUND_PROJECT", folder),
            *([variable("PLAYGROUND_CONFIG", configuration_file(release))] if release else []),
            variable("PLAYGROUND_INSTANCE", yaml.safe_dump(instance.served(configuration), sort_keys=False)),
        ],
        volumes=volumes,
    )
    wait = instance.waiting(configuration, settings)
    template = pod(
        [container(found, settings)],
        settings,
        tags,
        [*volumes, *(fetch.volumes if fetch else ())],
        init=[*([fetch.container] if fetch else []), wait],
    )
    template["spec"] |= {
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "serviceAccountName": OPS_ACCOUNT,
    }
    told = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [FAILED, WRONG]}}
    return an_object(
        *("batch/v1", "Job", name, namespace, tags),
        spec={
            "backoffLimit": ATTEMPTS - 1,
            "podFailurePolicy": {"rules": [told]},
            "template": template,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
        },
    )


def first_releases(configuration: Configuration) -> Object:
    """For a stack that is applied by hand: makes the releases that are not there yet, `ops` first.

    A Job can't be changed, so it is named by its content: applied again, it is the same one.
    """
    made = render(configuration, "x", HANDED_OVER, ["deploy", "--story-only"], "the Job of deploy/")
    text = json.dumps([made["spec"], configuration.text], sort_keys=True)
    name = f"dagster-releases-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return render(configuration, name, HANDED_OVER, ["deploy", "--story-only"], "the Job of deploy/")
