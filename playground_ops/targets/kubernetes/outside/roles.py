"""Takes from Dagster's role what the image of Postgres gave it: the rights of a superuser.

The role that `initdb` made can't lose them. So it gets another name, `dagster_admin`, and no password: only
the pod's own socket lets it in. A new `dagster` gets the password and whatever is in Dagster's database, in
the same transaction. Every step may be repeated, and is, until the outcome is noted.
"""

import time
from collections.abc import Sequence

from playground_ops.config import Configuration
from playground_ops.core.clock import SystemClock
from playground_ops.core.errors import PlaygroundError
from playground_ops.core.plan import Change
from playground_ops.core.target import Say
from playground_ops.render.database import ADMIN, DATABASE, USER
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.objects import database_mark, database_role
from playground_ops.targets.kubernetes.objects.database import dump
from playground_ops.targets.kubernetes.outside import postgres
from playground_ops.targets.kubernetes.outside.executing import Place

ATTEMPT_SECONDS = 60.0
"""Time for attempts: a first server restarts once, and a lock may be somebody else's for a while."""
LEAVE_SECONDS = 5
"""Time for the superuser's sessions to end by themselves. Dagster opens one for each query."""
HELPER = "dagster_migration"
"""A superuser for the moment in which the other one is renamed, which no session can do to its own role."""

_MUST_BE_STARTED = """
DO $$ BEGIN
  IF current_setting('listen_addresses') = '' THEN
    RAISE EXCEPTION 'the image is still making the database';
  END IF;
END $$;
"""
_CAREFULLY = f"""{postgres.SAFELY}\
SET lock_timeout = '3s'; SET deadlock_timeout = '50ms'; SET client_min_messages = warning;
DO $$
DECLARE name name;
BEGIN
  FOR name IN SELECT evtname FROM pg_event_trigger WHERE evtenabled <> 'D' LOOP
    EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', name);
  END LOOP;
END $$;
"""
"""Where two wait for each other, the one that looks first is given up: this session, and not Dagster's.

An event trigger would do what it likes as the superuser; code of a location may have left one.
"""

_OWNED = f"""
DO $$
DECLARE command text;
BEGIN
  FOR command IN
    WITH owned (class, object) AS (
      SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND relowner = 10
      UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typowner = 10
        AND (typtype IN ('b', 'd', 'e', 'r')
             OR typtype = 'c' AND typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c'))
        AND oid NOT IN (SELECT typarray FROM pg_type)
      UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE proowner = 10
      UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspowner = 10
        AND nspname !~ '^pg_'
      UNION ALL SELECT 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata WHERE lomowner = 10
    )
    SELECT format('ALTER %s %s OWNER TO {USER}', found.type, found.identity)
    FROM owned, pg_identify_object(owned.class, owned.object, 0) AS found
    WHERE (owned.object >= 16384 OR owned.class = 'pg_namespace'::regclass AND found.identity = 'public')
      AND coalesce(found.schema, '') !~ '^pg_'
      AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = owned.class AND objid = owned.object
          AND (deptype = 'e' OR deptype IN ('a', 'i') AND found.type = 'sequence'))
    ORDER BY owned.class = 'pg_namespace'::regclass, owned.object
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
ALTER DATABASE {DATABASE} OWNER TO {USER};
"""
"""Gives Dagster's role all that the first superuser (oid 10) has in this database.

What belongs to an extension, or to a table's column, goes with that. `REASSIGN OWNED` refuses this role: the
system's own objects are its too, and have numbers below 16384 (PostgreSQL, `FirstNormalObjectId`).
"""

_RENAMED = f"""
SELECT oid = 10 AS is_first, rolsuper AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ADMIN}')
  AS has_no_admin FROM pg_roles WHERE rolname = '{USER}' \\gset
\\if :is_first
SELECT 'CREATE ROLE {HELPER}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{HELPER}') \\gexec
ALTER ROLE {HELPER} LOGIN SUPERUSER PASSWORD NULL;
\\connect {DATABASE} {HELPER}
{_CAREFULLY}BEGIN;
SELECT pg_advisory_xact_lock(10, 10);
DO $$
DECLARE kept text; stranger oid;
BEGIN
  SELECT oid INTO stranger FROM pg_roles WHERE rolname = '{ADMIN}';
  SELECT rolpassword INTO kept FROM pg_authid WHERE rolname = '{USER}' AND oid = 10;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF stranger IS NOT NULL THEN
    ALTER ROLE {ADMIN} NOSUPERUSER NOLOGIN;
    EXECUTE format('ALTER ROLE {ADMIN} RENAME TO {ADMIN}_%s', stranger);
  END IF;
  ALTER ROLE {USER} RENAME TO {ADMIN};
  ALTER ROLE {ADMIN} PASSWORD NULL;
  EXECUTE format('CREATE ROLE {USER} LOGIN PASSWORD %L', kept);
END $$;
{_OWNED}
COMMIT;
\\elif :has_no_admin
CREATE ROLE {ADMIN} LOGIN SUPERUSER;
\\endif
\\connect {DATABASE} {ADMIN}
{_CAREFULLY}"""
"""A hashed password stays valid: SCRAM's knows no name, and MD5's the name that stays."""

_SESSIONS_ENDED = f"""
DO $$
DECLARE latest timestamptz := clock_timestamp() + interval '{LEAVE_SECONDS} s';
BEGIN
  WHILE clock_timestamp() < latest AND EXISTS (
    SELECT FROM pg_stat_activity
    WHERE usesysid = current_user::regrole AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  ) LOOP
    PERFORM pg_sleep(0.1), pg_stat_clear_snapshot();
  END LOOP;
END $$;
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE usesysid = current_user::regrole AND pid <> pg_backend_pid() AND backend_type = 'client backend';
DO $$ BEGIN
  DROP ROLE IF EXISTS {HELPER};
EXCEPTION WHEN dependent_objects_still_exist THEN
  ALTER ROLE {HELPER} NOLOGIN NOSUPERUSER;
END $$;
"""
"""A session goes on with the rights of the role that opened it, whatever that is called by now."""

_RIGHTS = f"""
ALTER ROLE {ADMIN} PASSWORD NULL;
ALTER ROLE {ADMIN} RESET ALL;
ALTER ROLE {ADMIN} IN DATABASE {DATABASE} RESET ALL;
ALTER ROLE {USER} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
DO $$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database
    UNION ALL
    SELECT format('REVOKE %I FROM %I', had.rolname, who.rolname)
        || coalesce(' GRANTED BY ' || quote_ident(giver.rolname), '') || ' CASCADE'
      FROM pg_auth_members AS found
      JOIN pg_roles AS had ON had.oid = found.roleid
      JOIN pg_roles AS who ON who.oid = found.member
      LEFT JOIN pg_roles AS giver ON giver.oid = found.grantor
      WHERE who.rolname = '{USER}' OR had.rolname IN ('{ADMIN}', '{USER}')
  LOOP
    EXECUTE command;
  END LOOP;
END $$;
BEGIN;
{_OWNED}
COMMIT;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO {USER};
"""
"""The last one is for `health`, which tells how full the claim is: it lists files, and reads none."""

_NO_NETWORK = f"""
SELECT NOT EXISTS (
  SELECT FROM (SELECT * FROM pg_hba_file_rules ORDER BY line_number LIMIT 1) AS first
  WHERE type = 'host' AND user_name = ARRAY['{ADMIN}'] AND auth_method = 'reject'
) AND current_setting('hba_file') = current_setting('data_directory') || '/pg_hba.conf' AS is_open \\gset
\\if :is_open
COPY (SELECT 'host all {ADMIN} all reject') TO PROGRAM
  'cat - pg_hba.conf > pg_hba.conf.next && mv pg_hba.conf.next pg_hba.conf';
SELECT count(pg_reload_conf());
\\endif
"""
"""The first rule that fits is the one that counts; the image lets all in from the pod's own address."""

SCRIPT = f"{postgres.SAFELY}{_MUST_BE_STARTED}{_RENAMED}{_SESSIONS_ENDED}{_RIGHTS}{_NO_NETWORK}"
_STATE = """
SELECT rolsuper,
  to_regclass('public.runs') IS NOT NULL AND to_regclass('public.instigators') IS NOT NULL AS made
FROM pg_roles WHERE rolname = current_user \\gset
\\if :made
SELECT :'rolsuper' AND (EXISTS (SELECT FROM public.runs) OR EXISTS (SELECT FROM public.instigators));
\\else
SELECT false;
\\endif
"""


def ensure(connection: Connection, configuration: Configuration, changed: Sequence[Change], say: Say) -> None:
    """Settle the roles where something of Postgres changes and it is not noted that they are settled.

    Raises PlaygroundError; then it is still due.
    """
    of_postgres = any(change.component == database_role.COMPONENT for change in changed)
    if of_postgres and database_role.is_due(connection, configuration):
        settle(connection, configuration, postgres.running(connection, configuration, say), say)


def settle(connection: Connection, configuration: Configuration, place: Place, say: Say) -> None:
    """Settle the roles, after a backup where Dagster's is a superuser and there is anything to lose."""
    if _patiently(connection, place, _STATE) == "t":
        say(f"role {USER} is a superuser: a backup, and then it is none")
        kept = dump(connection, configuration, SystemClock().utc_now(), say)
        say(f"backup {kept.file} made")
    _patiently(connection, place, SCRIPT)
    database_mark.forget(connection, configuration)
    database_role.note(connection, configuration)
    say(f"role {USER} owns its database, and is no superuser")


def _patiently(connection: Connection, place: Place, script: str) -> str:
    deadline = time.monotonic() + ATTEMPT_SECONDS
    while True:
        try:
            return postgres.psql(connection, place, script)
        except PlaygroundError:
            if time.monotonic() > deadline:
                raise
            SystemClock().sleep(1.0)
