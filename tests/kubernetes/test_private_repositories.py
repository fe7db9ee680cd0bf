"""Locations whose repositories are private: over SSH with a key, over HTTP with a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cluster import gitservers
from tests.kubernetes.pool import Pool
from tests.pipelines import pipeline


def test_both_are_resolved_fetched_and_served(shared_stack: Pool, tmp_path: Path) -> None:
    code = pipeline(tmp_path / "code")
    commit = code.commit("first")
    (tmp_path / "keys").mkdir()
    stack = shared_stack.bare()
    with (
        gitservers.by_ssh(tmp_path, tmp_path / "keys") as ssh,
        gitservers.by_password(tmp_path) as http,
    ):
        urls = {"over-ssh": f"{ssh.url}/code", "over-http": f"{http}/code"}
        locations: list[dict[str, Any]] = [
            {"name": name, "repo": {"url": url, "ref": "main", "secret": name}, "module": "pipeline"}
            for name, url in urls.items()
        ]
        stack.configure(code_locations=locations)
        for name, flags in secrets_of(tmp_path, ssh).items():
            assert f"Read by: {name}" in stack.ok("secret", "git", name, *flags)
        ended = stack.run("deploy")
        said = ended.stdout + ended.stderr
        assert ended.returncode == 0, said
        found = {one["name"]: one for one in stack.status()["locations"]}
        assert {name: (found[name]["commit"], found[name]["ready"]) for name in urls} == dict.fromkeys(
            urls, (commit, True)
        ), said
        assert gitservers.PASSWORD not in said

        del locations[0]["repo"]["secret"]
        stack.configure(code_locations=locations)
        stack.ok("deploy")  # by the same commit, which the cluster has kept
        refused = stack.run("redeploy", "over-ssh")
        said = refused.stdout + refused.stderr
        assert (refused.returncode, "Host key verification failed" in said) == (1, True), said


def secrets_of(folder: Path, ssh: gitservers.SshAccess) -> dict[str, list[str]]:
    """Of each location: what `secret git` is given."""
    for name, content in (("key", ssh.key), ("hosts", ssh.known_hosts), ("token", gitservers.PASSWORD)):
        (folder / name).write_text(content)
    return {
        "over-ssh": ["--ssh-key", str(folder / "key"), "--known-hosts", str(folder / "hosts")],
        "over-http": ["--username", gitservers.USER, "--token-file", str(folder / "token")],
    }
