#!/usr/bin/env bash
# Same contract as the official image's entrypoint; see the package's docstring.
set -Eeo pipefail

from_file() { # VARIABLE [default]: its value, or that of the file that VARIABLE_FILE names
	local name="$1" file="${1}_FILE"
	if [ "${!name:-}" ] && [ "${!file:-}" ]; then
		echo >&2 "error: both $name and $file are set (but are exclusive)"
		exit 1
	fi
	if [ "${!file:-}" ]; then
		export "$name"="$(<"${!file}")"
	elif [ -z "${!name:-}" ]; then
		export "$name"="${2:-}"
	fi
	unset "$file"
}

secret() { # what Postgres keeps of the password, hashed once in place of 4096 times
	perl -MDigest::SHA=hmac_sha256,sha256 -MMIME::Base64=encode_base64 -e '
		open my $random, "<:raw", "/dev/urandom" or die $!;
		read $random, my $salt, 16;
		my $salted = hmac_sha256($salt . pack("N", 1), $ENV{POSTGRES_PASSWORD});
		my @kept = map { encode_base64($_, "") }
			$salt, sha256(hmac_sha256("Client Key", $salted)), hmac_sha256("Server Key", $salted);
		printf "SCRAM-SHA-256\$1:%s\$%s:%s\n", @kept;'
}

if [ "${1:0:1}" = '-' ]; then set -- postgres "$@"; fi
if [ "$1" != postgres ]; then exec "$@"; fi

mkdir -p "$PGDATA"
chmod 00700 "$PGDATA" || :
if [ "$(id -u)" = 0 ]; then
	chown -R postgres "$PGDATA" /var/run/postgresql
	exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	from_file POSTGRES_PASSWORD
	from_file POSTGRES_USER postgres
	from_file POSTGRES_DB "$POSTGRES_USER"
	from_file POSTGRES_INITDB_ARGS
	: "${POSTGRES_HOST_AUTH_METHOD:=scram-sha-256}"
	if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
		echo >&2 "Error: Database is uninitialized and superuser password is not specified."
		echo >&2 "       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser."
		exit 1
	fi
	eval 'initdb --username="$POSTGRES_USER" --pwfile=<(secret) '"$POSTGRES_INITDB_ARGS"
	printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$PGDATA/pg_hba.conf"
	PGUSER="$POSTGRES_USER" pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
	run=(psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc)
	export PGHOST= PGPASSWORD="${POSTGRES_PASSWORD}"
	if [ "$POSTGRES_DB" != postgres ]; then
		"${run[@]}" --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
	fi
	for file in /docker-entrypoint-initdb.d/*; do
		case "$file" in
		*.sql) "${run[@]}" --dbname "$POSTGRES_DB" -f "$file" ;;
		*.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
		esac
	done
	unset PGHOST PGPASSWORD
	PGUSER="$POSTGRES_USER" pg_ctl -D "$PGDATA" -m fast -w stop
	echo 'PostgreSQL init process complete; ready for start up.'
else
	echo 'PostgreSQL Database directory appears to contain a database; Skipping initialization'
fi
exec "$@"
