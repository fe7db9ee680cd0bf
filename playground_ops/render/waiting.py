"""Init containers that wait for a database, and print what they wait for."""

import json

from playground_ops.config import Configuration
from playground_ops.core.model import MAIN
from playground_ops.core.pod_settings import PodSettings, Resources
from playground_ops.render import database
from playground_ops.render.names import Object
from playground_ops.render.pod import Container, container

WAIT = """\
import os, socket, time
where = (os.environ["DAGSTER_PG_HOST"], int(os.environ["DAGSTER_PG_PORT"]))
told = None
while True:
    try:
        socket.create_connection(where, timeout=5).close()
        break
    except OSError as error:
        if str(error) != told:
            told = str(error)
            print(f"waiting for the database at {where[0]}:{where[1]}: {told}", flush=True)
        time.sleep(1)
print(f"the database at {where[0]}:{where[1]} answers", flush=True)
"""
WAIT_TO_BE_LET_IN = """\
import json, os, sys, time
import psycopg2
keys = ("host", "port", "user", "password", "database")
own = {key: os.environ[f"DAGSTER_PG_{key.upper()}"] for key in keys}
what = "the database {database} at {host}:{port}".format(**own)
told = None
while True:
    try:
        psycopg2.connect(**{**json.loads(sys.argv[1]), **own}).close()
        break
    except psycopg2.OperationalError as error:
        found = " ".join(str(error).replace(own["password"], "...").split())
        if found != told:
            told = found
            print(f"waiting until {what} lets {own['user']} in: {told}", flush=True)
        time.sleep(1)
print(f"{what} answers {own['user']}", flush=True)
"""
"""A deploy makes the database of a deployment beside the main one, when the pods that use it may be there."""
RESOURCES = Resources(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "64Mi"})


def waiting(configuration: Configuration, image: str, settings: PodSettings) -> Object:
    """Return an init container that waits until the deployment's database answers.

    `settings`: those of the pod. Its volumes may have the certificates that the database wants to see.
    """
    is_main = configuration.deployment == MAIN
    given = [] if is_main else [json.dumps(database.parameters(configuration))]
    found = Container(
        name="wait-for-database",
        image=image,
        resources=RESOURCES,
        command=["python", "-c", WAIT if is_main else WAIT_TO_BE_LET_IN, *given],
        variables=database.variables(configuration)[: 2 if is_main else None],
    )
    return container(found, PodSettings() if is_main else PodSettings(volumes=settings.volumes))
