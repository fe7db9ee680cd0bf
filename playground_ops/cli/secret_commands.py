"""Commands about Secrets, with a person's own rights: secret git, secret rotate-database."""

from pathlib import Path

import click

from playground_ops.cli.console import echo, end, fail, plain, print_json, say
from playground_ops.cli.database_commands import database_of, of_deployment
from playground_ops.cli.progress import display
from playground_ops.cli.session import Session, common, context_of_the_command
from playground_ops.cli.stack_commands import bring_up, document_of
from playground_ops.config.kubernetes_rules import object_name
from playground_ops.context import must_be_of_this_version, open_cluster
from playground_ops.core.errors import BadInput, Finding, certain
from playground_ops.engine.deployments import must_be_there

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def secret() -> None:
    """Make and change Secrets of the stack (on Kubernetes): git, rotate-database."""


@secret.command("git")
@click.argument("name")
@click.option("--ssh-key", type=FILE, help="Private key without a passphrase, for a repository over SSH.")
@click.option("--known-hosts", type=FILE, help="The git server's own keys, as `ssh-keyscan` writes them.")
@click.option("--username", help="For a repository over HTTP; many servers take any name.")
@click.option("--token-file", type=FILE, help="File with the token or password, and nothing else.")
@click.option("--ca-file", type=FILE, help="Certificate of a private authority, for HTTPS.")
@common
def git_command(
    config: Path | None,
    target: str | None,
    as_json: bool,
    name: str,
    ssh_key: Path | None,
    known_hosts: Path | None,
    username: str | None,
    token_file: Path | None,
    ca_file: Path | None,
) -> None:
    """Make or replace a Secret for git.

    NAME is what a location says as `repo: secret:`. The files are checked before anything is written. A
    Secret that is replaced has what is given now, and nothing of before.
    """
    from playground_ops.targets.kubernetes.outside import git_authority, git_secrets

    _must_be_a_name(name)
    connection, configuration = open_cluster(config, target, context_of_the_command())
    locations = git_secrets.users(configuration, name)
    users, urls = [one.name for one in locations], [one.repository or "" for one in locations]
    if ssh_key and known_hosts and not (username or token_file or ca_file):
        content = _by_key(ssh_key, known_hosts, urls)
    elif username is not None and token_file and not (ssh_key or known_hosts):
        content = _by_token(username, token_file) | _authority(ca_file)
    elif ca_file and not (ssh_key or known_hosts or username or token_file):
        content = _authority(ca_file)
    else:
        raise click.UsageError(
            "Give --ssh-key with --known-hosts, or --username with --token-file, --ca-file, or these three."
        )
    git_secrets.must_fit(configuration, name, content)
    must_be_of_this_version(connection, configuration)
    unasked = git_authority.check(str(ca_file), content[git_secrets.AUTHORITY], urls) if ca_file else []
    done = git_secrets.write_git_secret(connection, configuration, name, content)
    if as_json:
        asked = {"unasked": unasked} if ca_file else {}
        print_json({"secret": name, "done": done, "locations": users, **asked})
        return
    echo(f"Secret {name} {done}.")
    for server in unasked:
        echo(f"{server} does not answer here: whether its certificate is of this authority was not asked.")
    if users:
        say(f"Read by: {', '.join(users)}. `deploy` gives them new releases that have it.")
    else:
        echo(f"No location names it yet: write `repo: {{url: ..., secret: {name}}}`.")


def _by_key(ssh_key: Path, known_hosts: Path, urls: list[str]) -> dict[str, bytes]:
    from playground_ops.diagnose import git_credentials
    from playground_ops.render.gitsync import is_ssh

    key, hosts = _read(ssh_key), _read(known_hosts)
    over_ssh = [url for url in urls if is_ssh(url)]
    faults = git_credentials.faults_of_key(str(ssh_key), key)
    faults += git_credentials.faults_of_known_hosts(str(known_hosts), hosts, over_ssh)
    if faults:
        raise BadInput(*faults)
    return {"ssh": key, "known_hosts": hosts}


def _by_token(username: str, token_file: Path) -> dict[str, bytes]:
    from playground_ops.diagnose import git_credentials

    token = _read(token_file)
    faults = git_credentials.faults_of_username(username) + git_credentials.faults_of_token(
        str(token_file), token
    )
    if faults:
        raise BadInput(*faults)
    return {"username": username.encode(), "password": token}


def _authority(ca_file: Path | None) -> dict[str, bytes]:
    from datetime import datetime, timezone

    from playground_ops.diagnose.authorities import faults_of_authorities
    from playground_ops.targets.kubernetes.outside.git_secrets import AUTHORITY

    if ca_file is None:
        return {}
    content = _read(ca_file)
    if faults := faults_of_authorities(str(ca_file), content, datetime.now(timezone.utc)):
        raise BadInput(*faults)
    return {AUTHORITY: content}


def _read(file: Path) -> bytes:
    from playground_ops.diagnose.git_credentials import LONGEST

    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST + 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise BadInput(_unreadable(file, f"It can't be read: {why}.")) from error
    if len(content) > LONGEST:
        raise BadInput(_unreadable(file, f"It is longer than {LONGEST} bytes."))
    return content


def _must_be_a_name(name: str) -> None:
    try:
        object_name(name)
    except ValueError as error:
        raise click.UsageError(f"`{name}` is not {error}.") from error


def _unreadable(file: Path, observed: str) -> Finding:
    return certain(
        object=f"file/{file}",
        observed=observed,
        cause="The path is not the one that was meant, or it belongs to somebody else.",
        fix="Name the file with the key, the token or the certificate.",
    )


@secret.command("rotate-database")
@click.option("--force", is_flag=True, help="Also while runs are under way, which ends them.")
@of_deployment
@common
def rotate_command(
    config: Path | None, target: str | None, as_json: bool, force: bool, deployment: str
) -> None:
    """Give a deployment's database a new password, and deploy; name what is in Postgres and not the stack's.

    A rotation that was interrupted is finished by another one.
    """
    from playground_ops.render.stack import render
    from playground_ops.targets.kubernetes.outside import postgres, roles, rotation, strangers
    from playground_ops.targets.kubernetes.outside.preflight import check

    connection, configuration = open_cluster(config, target, context_of_the_command())
    must_be_there(configuration, deployment)
    must_be_of_this_version(connection, configuration)
    view = configuration.of(deployment)
    place = postgres.find(connection, view, rotation.INSTEAD)
    rotation.must_be_ours(connection, view)
    wanted = [one for objects in render(configuration).values() for one in objects]
    check(connection, configuration, wanted)  # what stands in the way of the deploy must be known before
    runs = postgres.active_runs(connection, place, postgres.owner_of(view))
    if not force:
        postgres.must_have_no_runs(runs, "A new password")
    shown = display(as_json)
    for run in runs:
        shown.line(f"ends: run {run}")
    roles.settle(connection, configuration, place, shown.line)
    rotation.rotate(connection, view, place, shown.line)
    foreign = strangers.find(connection, configuration, place)
    session = Session(config, target, as_json)
    deployed = bring_up(session, "deploy")
    if not as_json:
        echo(f"{database_of(deployment)} has a new password, and the stack uses it.")
        fail(foreign, as_json)
    more = {"runs_ended": [run.id for run in runs], "not_of_the_stack": plain(foreign)}
    end({**document_of(deployed), **more}, deployed.failures, as_json)


COMMANDS = {"secret": secret}
