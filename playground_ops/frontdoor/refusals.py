"""What is refused of what arrives, whatever it asks for. Pure: a request's headers in, a refusal out.

The rules are those of Go's `net/http.CrossOriginProtection` and of the W3C's Fetch Metadata, and stricter:
they hold for every method, as behind a login a read too is made with a person's cookies. Browsers send Origin
with all but plain reads and links, and since 2023 Sec-Fetch-Site to https and to this machine. Programs send
neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from playground_ops.core.errors import Finding, certain
from playground_ops.frontdoor.hosts import Address, Hosts, address, origin

OBJECT = "component/webserver"
HEADERS = ("host", "origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
"""What is read of a request; names in lower case."""
_OWN_SITES = ("same-origin", "none")
"""`none`: a person typed the address, or chose a bookmark."""


@dataclass(frozen=True)
class Refusal:
    status: int
    finding: Finding

    @property
    def text(self) -> str:
        return self.finding.sentence()


@dataclass(frozen=True)
class Asked:
    """A request before anything of it is done, with its HEADERS."""

    method: str
    """As in HTTP; WEBSOCKET for one that opens a websocket."""
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def all(self, name: str) -> Sequence[str]:
        return self.headers.get(name, ())


def refusal(asked: Asked, hosts: Hosts) -> Refusal | None:
    """Return why the request is refused; None where it is let in.

    Without Host, or with an empty one, it is no browser that asks: a load balancer's check does.
    """
    to = None
    for text in filter(None, asked.all("host")):
        to = address(text)
        if to is None or not hosts.answer_to(to):
            return _forbidden(_unknown_host(to))
    if _comes_from_another_site(asked):
        return _forbidden(_other_site(asked))
    for text in asked.all("origin"):
        if not _is_own_page(text, to, asked, hosts):
            return _forbidden(_other_page(text, to, hosts))
    return None


def _comes_from_another_site(asked: Asked) -> bool:
    """Return whether the browser says so, and it is no link that a person followed."""
    if all(site in _OWN_SITES for site in asked.all("sec-fetch-site")):
        return False
    how = [*asked.all("sec-fetch-mode"), *asked.all("sec-fetch-dest")]
    return not (how == ["navigate", "document"] and asked.method in ("GET", "HEAD"))


def _is_own_page(text: str, to: Address | None, asked: Asked, hosts: Hosts) -> bool:
    """Return whether the page that asks came from this webserver.

    X-Forwarded-Host is not read: anybody may send it. Where a proxy puts another host into Host, the page's
    own has to be configured, and either the browser says that it is of the same origin, or it is at its
    scheme's own port: at another port of that host is somebody else.
    """
    page = origin(text)
    if page is None or to is None or not hosts.are_public(page.address):
        return False
    if page.is_of(to):
        return True
    if page.address.host not in hosts.public:
        return False
    if asked.all("sec-fetch-site"):
        return True  # it says same-origin, or it would have been refused
    return page.is_at_default_port and page.address.host != to.host


def _forbidden(finding: Finding) -> Refusal:
    return Refusal(403, finding)


def _unknown_host(to: Address | None) -> Finding:
    name = to.host if to else "NAME"
    seen = f"as `{to}`, a host that it does not answer to" if to else "for a host that is no host name"
    return certain(
        object=OBJECT,
        observed=f"It was asked {seen}.",
        cause="It is reached by a name that is not configured, or a page of another site has its own name "
        "lead here (DNS rebinding).",
        fix=f"If the name is yours, {_configured(name)}",
    )


def _other_site(asked: Asked) -> Finding:
    (site, *_) = [one for one in asked.all("sec-fetch-site") if one not in _OWN_SITES]
    seen = site if site in ("cross-site", "same-site") else "another word"
    what = "open a websocket" if asked.method == "WEBSOCKET" else f"send {_plain(asked.method)}"
    return certain(
        object=OBJECT,
        observed=f"A page of another site had the browser {what} (Sec-Fetch-Site: {seen}).",
        cause="What such a page asks for is not what the person at the browser asked for.",
        fix="Do it in the UI itself, or by a program; links to pages of the UI work from anywhere.",
    )


def _other_page(text: str, to: Address | None, hosts: Hosts) -> Finding:
    page = origin(text)
    told = f"A page of {page}" if page else "A page without an address (Origin: null, or none of the web)"
    name = page.address.host if page and not hosts.are_public(page.address) else ""
    ours = f" If that page is the UI, and a proxy changes Host on the way, {_configured(name)}"
    return certain(
        object=OBJECT,
        observed=f"{told} asked, and this is {to or 'another host'}.",
        cause="Only pages of the UI itself may ask for anything but its pages.",
        fix=f"Open the UI in a tab of its own.{ours if name else ''}",
    )


def _configured(name: str) -> str:
    return (
        f"set `allowed_hosts: [{name}]` below `webserver` in the configuration, and run "
        "`python -m playground_ops deploy` in its folder."
    )


def _plain(word: str) -> str:
    return word if word.isascii() and word.isalpha() and len(word) <= 20 else "a request"
