"""Notices to people outside when the stack's state changes, and the webhook that takes them.

The URL of a webhook is a secret: it appears in no message.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from playground_ops.checks.folding import Folded
from playground_ops.checks.topic import Told, is_urgent
from playground_ops.core.errors import Finding, FindingKind, PlaygroundError
from playground_ops.core.frozen_model import FrozenModel
from playground_ops.core.redact import learn, redact

TIMEOUT_SECONDS = 10.0
ANSWER_CHARACTERS = 200


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, so that a body is not sent to where an answer points."""

    def redirect_request(self, *_: object) -> None:
        return None


def send(variable: str, url: str, body: bytes) -> None:
    """Send a notice. Raises PlaygroundError: transient, or certain where another try would be refused too."""
    if not url.startswith(("http://", "https://")):
        raise PlaygroundError(_unsent(variable, "is no http or https URL", "It holds something else.", True))
    learn([url])
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


SHOWN = 10
"""Findings in a message for people; a JSON body has all of them."""


class Bad(FrozenModel):
    """A check that is not passed."""

    component: str
    check: str
    urgent: bool
    object: str
    sentence: str
    since: str
    """When it was first reported; UTC, ISO 8601."""
    also: tuple[str, ...] = ()
    """Other checks that are not passed because of it, as `component check`."""

    @property
    def key(self) -> str:
        return f"{self.component}/{self.check}"


class Notified(FrozenModel):
    """What was reported outside: the checks that were not passed, by component and check."""

    bad: Mapping[str, Bad] = Field(default_factory=dict)


@dataclass(frozen=True)
class Sender:
    """The stack that a notice is about."""

    stack: str
    """The stack's name for people who have several."""
    ui: str | None


class Notice(FrozenModel):
    """A change of the stack's state."""

    stack: str
    ui: str | None
    at: str
    new: tuple[Bad, ...]
    mended: tuple[Bad, ...]
    still: tuple[Bad, ...]

    @property
    def state(self) -> str:
        return "bad" if self.new or self.still else "well"

    @property
    def headline(self) -> str:
        if self.state == "well":
            return f"{self.stack}: all is well again"
        parts = [(len(self.new), "new"), (len(self.mended), "mended"), (len(self.still), "still there")]
        return f"{self.stack}: {', '.join(f'{count} {what}' for count, what in parts if count)}"


def change(
    before: Notified,
    folded: Folded,
    sender: Sender,
    now: datetime,
    components: Collection[str] = (),
) -> tuple[Notice | None, Notified]:
    """Return the notice, if there is one, and what is known outside once it was sent.

    What follows from something else is told with that, and is neither news nor mended. `components` of the
    stack: what is known of their checks stays known until they are checked again.
    """
    at, report = now.isoformat(timespec="seconds"), folded.report
    looked_at = {f"{name}/{topic.value}" for name, topics in report.items() for topic in topics}
    found = {
        key: one
        for key, one in before.bad.items()
        if key not in looked_at and one.component in {*components, *report}
    }
    for told in folded.worst:
        one = _bad(told, folded.also(told), at)
        known = before.bad.get(one.key)
        found.setdefault(one.key, one.model_copy(update={"since": known.since}) if known else one)
    notice = Notice(
        stack=sender.stack,
        ui=sender.ui,
        at=at,
        new=tuple(one for key, one in found.items() if key not in before.bad),
        mended=tuple(one for key, one in before.bad.items() if key not in found),
        still=tuple(one for key, one in found.items() if key in before.bad),
    )
    return (notice if notice.new or notice.mended else None), Notified(bad=found)


def _bad(told: Told, also: Sequence[Told], at: str) -> Bad:
    name, topic, finding = told
    return Bad(
        component=name,
        check=topic.value,
        urgent=is_urgent(topic, finding),
        object=finding.object,
        sentence=redact(finding.sentence()),
        since=at,
        also=tuple(dict.fromkeys(f"{name} {topic.value}" for name, topic, _ in also)),
    )


def as_json(notice: Notice) -> dict[str, Any]:
    """Return the plain form: every field, the headline and the state."""
    return {"state": notice.state, "headline": notice.headline, **notice.model_dump(mode="json")}


def as_slack(notice: Notice) -> dict[str, Any]:
    """Return the body for an incoming webhook of Slack (Mattermost and Rocket.Chat take the same)."""
    lines = [f"*{_escaped(notice.headline)}*"]
    marked = [(":red_circle:" if one.urgent else ":large_yellow_circle:", one) for one in notice.new]
    marked += [(":large_green_circle:", one) for one in notice.mended]
    for sign, one in marked[:SHOWN]:
        text = f"mended, since {one.since}" if sign == ":large_green_circle:" else _escaped(_with_also(one))
        lines.append(f"{sign} `{one.component}` {one.check}: {text}")
    if len(marked) > SHOWN:
        lines.append(f"and {len(marked) - SHOWN} more")
    if notice.ui:
        lines.append(f"<{notice.ui}|Open Dagster>")
    return {"text": "\n".join(lines)}


def _with_also(one: Bad) -> str:
    return f"{one.sentence} (because of it also: {', '.join(one.also)})" if one.also else one.sentence


FORMS = {"json": as_json, "slack": as_slack}


def body(notice: Notice, form: str) -> bytes:
    return json.dumps(FORMS[form](notice), ensure_ascii=False).encode()


def _escaped(text: str) -> str:
    """Escape Slack's three characters (docs.slack.dev, "Formatting message text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
