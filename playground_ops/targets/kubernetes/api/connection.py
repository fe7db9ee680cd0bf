"""A connection to one cluster: that of a named context, or the one that this process runs in.

Requests are made by path: the official client's typed calls are clumsy for server-side apply, and importing
it takes longer than a request. It is used for logins that need more than certificates or a token.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from playground_ops.core.errors import BadInput, Finding, PlaygroundError
from playground_ops.core.redact import learn
from playground_ops.targets.kubernetes.api import credentials
from playground_ops.targets.kubernetes.api.credentials import Access
from playground_ops.targets.kubernetes.api.refusals import (
    Refusal,
    no_context,
    no_such_context,
    nobody_answers,
    refusal,
)

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = METADATA.replace("PartialObjectMetadata", "PartialObjectMetadataList")
AGENT = "playground-ops"
"""The user agent in the API server's audit log."""
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
TOLD_TO = timedelta(seconds=2)
"""Differences from the Date header below this are ignored: its resolution, and the time on the way."""
INSIST_SECONDS, AGAIN_SECONDS = 45.0, 1.0
"""Somewhat longer than a lease: after that, anything may have happened meanwhile."""
AT_ONCE = 8
"""Parallel requests of one process."""


class Way(NamedTuple):
    """How requests reach the API server, also by websockets, which urllib3 can't carry."""

    server: str
    """Its URL, without a slash at the end."""
    pool: Any
    headers: Callable[[], dict[str, str]]
    """Headers that say who asks."""
    tls: Callable[[], ssl.SSLContext | None]
    """None: requests go without TLS."""
    proxy: str | None = None
    server_name: str | None = None
    """The name on its certificate, where that differs from its URL."""


class Question(NamedTuple):
    path: str
    query: Mapping[str, str] | None = None
    method: str = "GET"
    body: object = None
    content_type: str = JSON
    accept: str = JSON


class Connection:
    def __init__(self, context: str | None, access: Access = Access.PERSON) -> None:
        """Connect to the context, or without one to the cluster around this process. Sends nothing yet."""
        self.context, self.access = context, access
        self._insisting = 0
        """How many `insisting` blocks are active, in all threads."""
        self._ahead = timedelta()
        """How far the API server's clock is ahead of this machine's."""

    def now(self) -> datetime:
        """Return UTC by the API server's clock, good to some seconds, so that machines agree on leases."""
        return datetime.now(timezone.utc) + self._ahead

    @property
    def is_ops(self) -> bool:
        return self.access is Access.OPS

    @property
    def name(self) -> str:
        return self.context or "in-cluster"

    @cached_property
    def way(self) -> Way:
        """Return how requests are sent. Raises BadInput when there is no such context."""
        found = credentials.plain(self.context) if self.context else credentials.of_this_pod()
        if found is None:
            return self._official()
        from urllib3 import PoolManager

        pool = PoolManager(ssl_context=found.tls, maxsize=AT_ONCE)
        return Way(found.server, pool, found.headers, lambda: found.tls)

    def _official(self) -> Way:
        from kubernetes import client, config
        from urllib3 import ProxyManager

        settings = client.Configuration()
        try:
            config.load_kube_config(credentials.kubeconfig(), self.context, client_configuration=settings)
        except config.ConfigException as error:
            raise BadInput(no_such_context(self.name, str(error), credentials.contexts())) from error
        found = client.ApiClient(settings)

        def headers() -> dict[str, str]:
            told: dict[str, str] = {}
            found.update_params_for_auth(told, None, ["BearerToken"])
            learn(value.removeprefix("Bearer ") for value in told.values())
            return told

        pool = found.rest_client.pool_manager
        proxy = settings.proxy if isinstance(pool, ProxyManager) else None
        return Way(settings.host, pool, headers, lambda: _tls(settings), proxy, settings.tls_server_name)

    def get(self, path: str, **query: str) -> Any:
        """Return the object, or None. Raises Refusal, or PlaygroundError when nobody answers."""
        try:
            return self.request("GET", path, query=query)
        except Refusal as refusal:
            if refusal.code == 404:
                return None
            raise

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded answer. Raises Refusal, or PlaygroundError (transient) when nobody answers."""
        return decoded(self.answer(Question(path, query, method, body, content_type)))

    def text(self, path: str, query: Mapping[str, str]) -> str:
        """Return an answer in plain text, such as a log. Raises as `request` does."""
        return self.answer(Question(path, query)).decode(errors="replace")

    def answer(self, asked: Question) -> bytes:
        """Return the undecoded answer. Raises as `request` does."""
        deadline = time.monotonic() + (INSIST_SECONDS if self._insisting else 0.0)
        while True:
            try:
                return self._answer_once(asked)
            except PlaygroundError as error:
                if time.monotonic() >= deadline or not _may_be_repeated(asked.method, error):
                    raise
            time.sleep(AGAIN_SECONDS)

    @contextlib.contextmanager
    def insisting(self) -> Iterator[None]:
        """Within the block, wait for an API server that is away for a moment."""
        self._insisting += 1
        try:
            yield
        finally:
            self._insisting -= 1

    def _answer_once(self, asked: Question) -> bytes:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        timeout = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        try:
            answer = self._asked(asked, timeout=timeout)
        except HTTPError as error:
            raise PlaygroundError(self._no_answer(error)) from error
        self._hear_the_time(answer.headers.get("Date"))
        if answer.status >= 400:
            raise refusal(asked.path, asked.body, answer.status, decoded(answer.data))
        return bytes(answer.data)

    def metadata(self, path: str) -> dict[str, Any] | None:
        """Return an object's metadata, without a Secret's content, or None. Raises as `request` does."""
        try:
            found = decoded(self.answer(Question(path, accept=METADATA)))
        except Refusal as refusal:
            if refusal.code == 404:
                return None
            raise
        return dict(found["metadata"])

    def listed(self, path: str, query: Mapping[str, str]) -> Any:
        """Return a list of objects; Secrets with their metadata alone. Raises as `request` does."""
        accept = METADATA_LIST if path.endswith("/secrets") else JSON
        return decoded(self.answer(Question(path, query, accept=accept)))

    def selected(self, folder: str, within: str, labels: Mapping[str, str | None]) -> dict[str, Any]:
        """List what the selector `within` chooses and has these labels; the value None matches any value.

        Raises as `request` does.
        """
        more = (name if value is None else f"{name}={value}" for name, value in labels.items())
        return dict(self.request("GET", folder, query={"labelSelector": ",".join((within, *more))}))

    def opened(self, path: str, query: Mapping[str, str], seconds: float) -> BaseHTTPResponse:
        """Return an answer that the caller reads as a stream and closes.

        `seconds` is how long the server may be silent, before and within the answer. Raises Refusal,
        urllib3's ReadTimeoutError, or PlaygroundError (transient) when nobody answers.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        timeout = Timeout(connect=CONNECT_SECONDS, read=seconds)
        try:
            answer = self._asked(Question(path, query), timeout=timeout, preload_content=False)
        except ReadTimeoutError:
            raise
        except HTTPError as error:
            raise PlaygroundError(self._no_answer(error)) from error
        if answer.status >= 400:
            raise refusal(path, None, answer.status, decoded(answer.data))
        return answer

    def _no_answer(self, error: Exception) -> Finding:
        return nobody_answers(self.name, self.way.server, error)

    def _asked(self, asked: Question, **more: Any) -> BaseHTTPResponse:
        server, pool, headers = self.way[:3]
        kinds = {"Content-Type": asked.content_type, "Accept": asked.accept}
        answer: BaseHTTPResponse = pool.request(
            asked.method,
            server + asked.path + (f"?{urlencode(asked.query)}" if asked.query else ""),
            body=None if asked.body is None else json.dumps(asked.body),
            headers={**kinds, "User-Agent": AGENT, **headers()},
            retries=False,
            **more,
        )
        return answer

    def _hear_the_time(self, told: str | None) -> None:
        with contextlib.suppress(ValueError, TypeError):
            ahead = parsedate_to_datetime(told or "") - datetime.now(timezone.utc)
            if abs(ahead - self._ahead) > TOLD_TO:
                self._ahead = ahead


def _may_be_repeated(method: str, error: PlaygroundError) -> bool:
    """Return whether to send it again; a POST may have created something, unless nobody received it."""
    if isinstance(error, Refusal):
        return error.code >= 500 or error.code == 429 if method != "POST" else error.code == 429
    from urllib3.exceptions import NewConnectionError

    return method != "POST" or isinstance(error.__cause__, NewConnectionError)


def chosen_context(asked: str | None, configured: str | None) -> str | None:
    """Return the context of the command, else of the configuration; None for the pod's own cluster.

    Raises BadInput when none is named: the current context of a kubeconfig is never used.
    """
    chosen = asked or configured
    if chosen is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
        raise BadInput(no_context(credentials.contexts()))
    return chosen


def _tls(settings: Any) -> ssl.SSLContext | None:
    """Make the TLS context from the official client's settings (client.Configuration)."""
    if settings.host.startswith("http://"):
        return None
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if not settings.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
