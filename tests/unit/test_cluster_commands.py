"""Commands only for a cluster: what they report without one, before anything is read or asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground_ops.cli.database_commands import TOLD_EVERY_SECONDS, counting
from playground_ops.cli.main import cli, guarded
from playground_ops.cli.progress import NoDisplay
from playground_ops.targets.kubernetes.outside.postgres import verifier


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        guarded(cli, "playground", list(arguments))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out + err


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "configvalues.yaml").write_text("")
    return str(tmp_path / "configvalues.yaml")


@pytest.mark.parametrize(
    "arguments",
    [
        ("secret", "git", "x", "--username", "u", "--token-file", "t"),
        ("secret", "rotate-database"),
        ("backup", "f"),
        ("restore", "f"),
    ],
    ids=" ".join,
)
def test_on_one_machine_there_is_nothing_to_do_them_to(
    capsys: pytest.CaptureFixture[str], file: str, arguments: tuple[str, ...]
) -> None:
    code, told = said(capsys, *arguments, "--config", file)
    assert (code, "The target is local" in told, "--target kubernetes" in told) == (2, True, True)


def test_what_a_command_line_lacks_is_told_before_a_cluster_is_asked(
    capsys: pytest.CaptureFixture[str], file: str
) -> None:
    there = ("--config", file, "--target", "kubernetes", "--context", "nosuch")
    code, told = said(capsys, "secret", "git", "x", "--ssh-key", "k", *there)
    assert (code, "--ssh-key with --known-hosts" in told) == (2, True)
    code, told = said(capsys, "secret", "git", "x", "--username", "u", "--ca-file", "c", *there)
    assert (code, "--username with --token-file" in told) == (2, True)
    code, told = said(capsys, "secret", "git", "x", "--ca-file", "nosuch", *there)
    assert (code, "file/nosuch" in told) == (2, True)
    code, told = said(capsys, "restore", "f", "--force", *there)
    assert (code, "--force is for --stop" in told) == (2, True)
    code, told = said(capsys, "secret", "git", "x", "--username", "u", "--token-file", "nosuch", *there)
    assert (code, "file/nosuch" in told) == (2, True)


def test_progress_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = [100.0], []

    class Hearing(NoDisplay):
        def line(self, text: str) -> None:
            lines.append(text)

    monkeypatch.setattr("playground_ops.cli.database_commands.time.monotonic", lambda: now[0])
    count = counting(Hearing(), "read")
    for size in (1, 2):
        count(size)
    now[0] += TOLD_EVERY_SECONDS
    count(1_234_567)
    count(1_234_568)
    assert lines == ["1,234,567 bytes read"]


def test_the_verifier_is_the_one_of_the_standard() -> None:
    """The values are the example of RFC 7677: user `user`, password `pencil`."""
    import base64
    import hashlib
    import hmac

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    found = verifier("pencil", salt)
    scheme, rounds_and_salt, keys = found.split("$")
    assert (scheme, rounds_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    server_key = base64.b64decode(keys.partition(":")[2])
    told = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.new(server_key, told.encode(), hashlib.sha256).digest()
    assert base64.b64encode(signature).decode() == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
