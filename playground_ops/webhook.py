"""Sending a body to a webhook whose URL is a secret: it appears in no message."""

from __future__ import annotations

import urllib.error
import urllib.request

from playground_ops.errors import Finding, FindingKind, PlaygroundError

TIMEOUT_SECONDS = 10.0
ANSWER_CHARACTERS = 200


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A body is not sent to where an answer points."""

    def redirect_request(self, *_: object) -> None:
        return None


def send(variable: str, url: str, body: bytes) -> None:
    """Raises PlaygroundError (transient, or certain where another try would be refused too)."""
    if not url.startswith(("http://", "https://")):
        raise PlaygroundError(_unsent(variable, "is no http or https URL", "It holds something else.", True))
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        opener.open(request, timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        said = error.read(ANSWER_CHARACTERS).decode(errors="replace").strip()
        certain = 300 <= error.code < 500 and error.code not in (408, 425, 429)
        cause = f"Its answer: {said}." if said else "It does not say why."
        raise PlaygroundError(
            _unsent(variable, f"was answered with HTTP {error.code}", cause, certain)
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise PlaygroundError(
            _unsent(variable, "could not be reached", f"{type(error).__name__}: {reason}.", False)
        ) from None


def _unsent(variable: str, observed: str, cause: str, certain: bool) -> Finding:
    return Finding(
        kind=FindingKind.CERTAIN if certain else FindingKind.TRANSIENT,
        object=f"webhook/{variable}",
        observed=f"The webhook of ${variable} {observed}.",
        cause=cause,
        fix=f"Look at the value of {variable}. It is tried again with the next look.",
        whose="surroundings",
    )
