"""Names what is in the stack's own Postgres, not of the stack, and may give somebody a superuser's rights.

While Dagster's role was a superuser, the code of any location could leave such things. Whoever ran commands
in the pod could leave others too, which no query finds.
"""

import json
import shlex
from collections.abc import Mapping, Sequence

from playground_ops.config import Configuration
from playground_ops.core.errors import Finding, certain
from playground_ops.render.database import ADMIN, DATABASE, USER, name_of, own_database
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.objects.database_mark import of_deployments
from playground_ops.targets.kubernetes.outside import postgres
from playground_ops.targets.kubernetes.outside.executing import Place

_EVERYWHERE = f"""{postgres.SAFELY}
SELECT json_build_object('databases', (
  SELECT json_agg(datname) FROM pg_database WHERE datallowconn
), 'found', (
  SELECT coalesce(json_agg(json_build_object('what', what, 'name', name, 'seen', seen, 'cure', cure)), '[]')
  FROM (
    SELECT 'role' AS what, rolname AS name, concat_ws(', ',
        CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreaterole THEN 'createrole' END,
        CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolreplication THEN 'replication' END,
        CASE WHEN rolbypassrls THEN 'bypassrls' END, CASE WHEN rolcanlogin THEN 'may log in' END,
        'member of ' || memberships) AS seen,
        format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS', rolname)
          || CASE WHEN is_known THEN '' ELSE ' NOLOGIN' END
          || coalesce('; REVOKE ' || memberships || ' FROM ' || quote_ident(rolname), '') AS cure
      FROM (
        SELECT *, rolname = ANY ('{{KNOWN}}') AS is_known, (
          SELECT string_agg(quote_ident(had.rolname), ', ')
          FROM pg_auth_members JOIN pg_roles AS had ON had.oid = roleid WHERE member = role.oid
        ) AS memberships FROM pg_roles AS role WHERE oid >= 16384 AND rolname <> '{ADMIN}'
      ) AS role
      WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
        OR memberships IS NOT NULL OR rolcanlogin AND NOT is_known
    UNION ALL
    SELECT 'database', datname, 'of role ' || pg_get_userbyid(datdba),
        format('ALTER DATABASE %I ALLOW_CONNECTIONS false', datname)
      FROM pg_database WHERE oid >= 16384 AND datallowconn AND NOT datname = ANY ('{{KNOWN}}')
    UNION ALL
    SELECT 'setting', name, 'set by ALTER SYSTEM to ' || coalesce(setting, ''),
        format('ALTER SYSTEM RESET %s', name)
      FROM pg_file_settings WHERE sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'
    UNION ALL
    SELECT 'setting', concat_ws(' in ', rolname, datname), array_to_string(setconfig, ', '),
        CASE WHEN rolname IS NULL THEN format('ALTER DATABASE %I RESET ALL', datname)
          ELSE 'ALTER ROLE ' || quote_ident(rolname)
            || coalesce(' IN DATABASE ' || quote_ident(datname), '') || ' RESET ALL'
        END
      FROM pg_db_role_setting LEFT JOIN pg_roles AS role ON role.oid = setrole
        LEFT JOIN pg_database AS one ON one.oid = setdatabase
  ) AS found
));
"""
IN_EACH = f"""{postgres.SAFELY}
SELECT coalesce(json_agg(json_build_object('what', what, 'name', name, 'seen', seen, 'cure', cure)), '[]')
FROM (
  SELECT 'event trigger' AS what, evtname::text AS name, 'runs ' || evtfoid::regprocedure AS seen,
      format('DROP EVENT TRIGGER %I', evtname) AS cure FROM pg_event_trigger
  UNION ALL
  SELECT 'language', lanname, 'not the server''s own', format('DROP LANGUAGE %I CASCADE', lanname)
    FROM pg_language WHERE oid >= 16384
  UNION ALL
  SELECT 'extension', extname, 'not the server''s own', format('DROP EXTENSION %I CASCADE', extname)
    FROM pg_extension WHERE extname <> 'plpgsql'
  UNION ALL
  SELECT 'function', routine.oid::regprocedure::text, CASE WHEN prosecdef
      THEN 'runs with the rights of ' || rolname ELSE 'in the language ' || lanname END,
      format('DROP ROUTINE %s CASCADE', routine.oid::regprocedure)
    FROM pg_proc AS routine JOIN pg_language AS told ON told.oid = prolang JOIN pg_roles AS whose
      ON whose.oid = proowner
    WHERE routine.oid >= 16384 AND prokind <> 'a' AND (prosecdef AND rolsuper OR NOT lanpltrusted)
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = routine.oid
                        AND deptype IN ('e', 'i'))
) AS found;
"""


def find(connection: Connection, configuration: Configuration, place: Place) -> list[Finding]:
    """Return what is not the stack's. Raises PlaygroundError."""
    isolated = [one.name for one in configuration.isolated if one.isolation and one.isolation.database]
    own = [name_of(view) for view in of_deployments(configuration)]
    known = [*map(own_database, isolated), *own]
    told = json.loads(postgres.psql(connection, place, everywhere(known), within(DATABASE)))
    found = [_finding(one, DATABASE, place) for one in told["found"]]
    for database in told["databases"]:
        seen = json.loads(postgres.psql(connection, place, IN_EACH, within(database)))
        found += [_finding({**one, "of": database}, database, place) for one in seen]
    return found


def everywhere(own: Sequence[str]) -> str:
    """Return the query about the whole server. `own`: databases of the stack beside the main deployment's."""
    return _EVERYWHERE.replace("KNOWN", ",".join([ADMIN, USER, *own]))


def within(database: str) -> Sequence[str]:
    """Return the options of psql for a database, whatever it is called (PostgreSQL, "Connection Strings")."""
    name = database.replace("\\", "\\\\").replace("'", "\\'")
    return ("--no-password", "--username", ADMIN, "--dbname", f"dbname='{name}'")


def _finding(one: Mapping[str, str], database: str, place: Place) -> Finding:
    inside = f" in database {one['of']}" if "of" in one else ""
    psql = ["psql", *within(database)[1:], "--command", one["cure"]]
    command = ["kubectl", "exec", "--namespace", place.namespace, place.pod, "--", *psql]
    return certain(
        object=f"{one['what'].replace(' ', '-')}/{one['name']}",
        observed=f"It is in the stack's Postgres{inside}, and not of this configuration: {one['seen']}.",
        cause="A person made it, or it is of a location or a deployment that has left the configuration, or "
        "code of a location made it while Dagster's role was a superuser.",
        fix=f"If nobody knows it: `{shlex.join(command)}`",
        whose="surroundings",
    )
