"""The bar above a deployment's pages: which one this is, and where the main one is.

The main deployment's pages have none. The bar takes room of its own, so it covers nothing of Dagster's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

HEIGHT = "24px"
ELEMENT = "deployment-bar"
_NONCE = re.compile(r"'nonce-([^']+)'")
_STYLE = f"""<style>
html body {{ flex-direction: column }}
html body #root {{ height: calc(100vh - {HEIGHT}) }}
html body.dagster-mobile #root {{ height: calc(100dvh - {HEIGHT}) }}
#{ELEMENT} {{
  box-sizing: border-box; flex: none; height: {HEIGHT}; width: 100vw; padding: 0 24px; overflow: hidden;
  font: 12px/{HEIGHT} Geist, Inter, sans-serif; white-space: nowrap; text-overflow: ellipsis;
  color: var(--color-text-default, #222); background: var(--color-background-blue, #e2e6fb);
}}
#{ELEMENT} a {{ color: var(--color-link-default, #2a2fb0) }}
</style>"""
_TITLES = """
const mark = document.currentScript.previousElementSibling.dataset.title;
const show = () => { if (!document.title.startsWith(mark)) document.title = mark + document.title };
new MutationObserver(show).observe(document.head, {childList: true, subtree: true, characterData: true});
show();
"""
"""Each page of Dagster's sets the title; one that is marked already stays as it is."""


@dataclass(frozen=True)
class DeploymentBar:
    name: str
    main_url: str = ""
    """The address of the main deployment's UI, for a browser; empty where it is not known."""

    def above(self, page: str, policy: str, here: str) -> str:
        """Return Dagster's page with the bar.

        `policy`: its Content-Security-Policy. `here`: the host under which the browser reached this machine;
        empty where something is between them.
        """
        nonce = found[1] if (found := _NONCE.search(policy)) else ""
        name, mark = escape(self.name), escape(f"{self.name} · ")
        bar = f'<div id="{ELEMENT}" data-title="{mark}">Deployment <b>{name}</b> · {self._main(here)}</div>'
        script = f'<script nonce="{escape(nonce)}">{_TITLES}</script>'
        page = re.sub(r"<title[^>]*>", lambda title: title[0] + mark, page, count=1)
        page = page.replace("</head>", f"{_STYLE}</head>", 1)
        return re.sub(r"<body[^>]*>", lambda body: f"{body[0]}{bar}{script}", page, count=1)

    def _main(self, here: str) -> str:
        url = _seen_from(here, self.main_url)
        if not url:
            return "beside the main deployment of this stack"
        return f'<a href="{escape(url)}">open the main one</a>'


def _seen_from(here: str, url: str) -> str:
    """Return the URL; of this machine's own ones, what the browser calls them, or nothing."""
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return url
    host = f"[{here}]" if ":" in here else here
    return parts._replace(netloc=f"{host}:{parts.port or 80}").geturl() if here else ""
