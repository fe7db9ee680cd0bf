"""Addresses of repositories: one by which git or ssh would run a program, or take an option, is refused."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playground_ops.config.address import Address, parsed, reached, repository

TAKEN = {
    "https://git.test/x.git": Address("url", "/x.git", "https", "git.test"),
    "https://git.test:8443/a%20b": Address("url", "/a b", "https", "git.test", 8443),
    "http://127.0.0.1:3000/x": Address("url", "/x", "http", "127.0.0.1", 3000),
    "ssh://git@git.test:2222/~me/x": Address("url", "/~me/x", "ssh", "git.test", 2222),
    "ssh://git@[2001:db8::1]:22/x": Address("url", "/x", "ssh", "2001:db8::1", 22),
    "git://git.test/x": Address("url", "/x", "git", "git.test"),
    "git+ssh://git@git.test/x": Address("url", "/x", "git+ssh", "git.test"),
    "file:///srv/x.git": Address("url", "/srv/x.git", "file"),
    "git@git.test:team/x.git": Address("short", "team/x.git", "ssh", "git.test"),
    "git.test:~me/x": Address("short", "~me/x", "ssh", "git.test"),
    "git@[::1]:x": Address("short", "x", "ssh", "::1"),
    "/srv/größe/x": Address("path", "/srv/größe/x"),
    "../x y": Address("path", "../x y"),
    "./ext::x": Address("path", "./ext::x"),
}


@pytest.mark.parametrize("value", TAKEN)
def test_what_git_takes_is_read_by_its_parts(value: str) -> None:
    assert parsed(value) == TAKEN[value]
    found = reached(value)
    assert (found.host if found else "") == TAKEN[value].host


REFUSED = (
    *(
        "ext::sh -c [",
        "ext::sh -c x",
        "fd::[1",
        "hg::[1]x",
        "hg::x",
        "::x",
        "a+b::/x",
        "ext::[::1]:x",
        "fd::17/x",
    ),
    *("ext::sh -c touch% /x", "https::x", "ssh::[1]", "file::/x", "remote-ext::x", "EXT::x"),
    *("-x", "--upload-pack=x", "-oProxyCommand=x", "-c", "--"),
    *("ssh://-oProxyCommand=x/y", "ssh://git@-oProxyCommand=x/y", "ssh://%2DoProxyCommand=x/y"),
    *("ssh://%2doProxyCommand=x/y", "ssh://git@%2doProxyCommand=x:22/y", "ssh://[-oProxyCommand=x]/y"),
    *(
        "ssh://-oProxyCommand=x@git.test/y",
        "ssh://%2doProxyCommand=x@git.test/y",
        "git://-x/y",
        "https://-x/y",
    ),
    *(
        "-oProxyCommand=x:y",
        "git@-oProxyCommand=x:y",
        "-l@git.test:y",
        "git.test:-y",
        "git@git.test:--upload-pack=x",
    ),
    *("git.test::x", "git@git.test::x", "git@git.test: x", "[-x]:y", "git@[-oProxyCommand=x]:y"),
    *(
        "https://git.test/a\nb",
        "https://git.test/a%0ab",
        "https://git.test/a%00b",
        "https://git.test/%0d%0ahost=evil",
    ),
    *(
        "https://git.test%0a/x",
        "https://git.test\t/x",
        "ssh://git.test/%5Cx",
        "/srv/a\nb",
        "/srv/a\x00b",
        "/srv/\u202ex",
    ),
    *("C:\\x", "\\\\host\\share", "https:\\\\git.test\\x", "git@git.test:a\\b"),
    *(
        "ftp://git.test/x",
        "ftps://git.test/x",
        "rsync://git.test/x",
        "javascript://x/y",
        "HTTPS://git.test/x",
    ),
    *(
        "ext://x/y",
        "fd://17",
        "hg://git.test/x",
        "svn://git.test/x",
        "git+ext://x/y",
        "://git.test/x",
        "//:x://y",
    ),
    *(
        "file://host/x",
        "file://-x/y",
        "file://git.test/srv",
        "https://",
        "https:///x",
        "ssh:///x",
        "https://:80/x",
    ),
    *("https://git.test:0/x", "https://git.test:x/y", "https://git.test:99999/y", "https://git.test:22:33/y"),
    *(
        "https://u:p@git.test/x",
        "https://token@git.test/x",
        "https://git.test/x?token=y",
        "git.test:u:p@other/x",
    ),
    *(
        "https://git.test/a b",
        "https://gıt.test/x",
        "https://git.test\N{FULLWIDTH SOLIDUS}x/y",
        "git@münchen.test:x",
    ),
)


@pytest.mark.parametrize("value", REFUSED)
def test_any_other_form_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parsed(value)
    with pytest.raises(ValueError, match=r"\w"):
        repository(value, Path("/srv"))
    assert reached(value) is None


PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "ext",
                "fd",
                "hg",
                "https",
                "ssh",
                "git",
                "file",
                "://",
                "::",
                ":",
                "/",
                "//",
                "@",
                "[",
                "]",
                "-",
                "%2d",
            ),
            *(
                "%2D",
                "%252d",
                "%0a",
                "%00",
                "\n",
                "\x00",
                "\\",
                " ",
                "git.test",
                "1",
                "::1",
                "oProxyCommand=x",
                "..",
                "~",
            ),
            *("?", "#", "&", "\u202e", "é", "--upload-pack=x", "."),
        ]
    ),
    min_size=1,
    max_size=9,
).map("".join)


@given(PIECES | st.text(max_size=30))
@example("ext::[1]")
@example("ssh://%252doProxyCommand=x/y")
@example(" --upload-pack=x")
def test_of_whatever_is_taken_no_part_is_a_program_or_an_option(value: str) -> None:
    """By git's own rules (transport.c, connect.c), which are written here once more."""
    try:
        found = parsed(value)
    except ValueError:
        return
    assert not re.match(r"[A-Za-z0-9+.-]*::", value)
    assert value.isprintable()
    assert not value.startswith("-")
    decoded = unquote(value)
    assert decoded.isprintable() or found.form != "url"
    if found.form == "url":
        authority = decoded.partition("://")[2].partition("/")[0]
        user, _, host = authority.rpartition("@")
        assert not user.startswith("-")
        assert not host.lstrip("[").startswith("-")
        assert value.split("://", maxsplit=1)[0] in (
            "https",
            "http",
            "ssh",
            "git",
            "file",
            "git+ssh",
            "ssh+git",
        )
    if found.form == "short":
        user, _, rest = value.partition(":")[0].rpartition("@")
        assert not user.startswith("-")
        assert not rest.lstrip("[").startswith("-")
        assert not found.path.startswith(("-", ":"))
    if found.form == "path":
        absolute = repository(value.replace("~", "x"), Path("/srv"))
        assert absolute is None or absolute.startswith("/")
