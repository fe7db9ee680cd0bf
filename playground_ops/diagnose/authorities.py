"""Checks a file with certificates of private authorities before it goes anywhere. Pure."""

import re
import ssl
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from playground_ops.core.errors import Finding, certain

_DER = b"\x30\x82"
_IS_ONE = "Name the file with the authority's certificate (`-----BEGIN CERTIFICATE-----`)."


def faults_of_authorities(path: str, content: bytes, now: datetime) -> list[Finding]:
    """Return the first fault of a file in PEM form. `now`: in UTC, with its zone."""
    if b"PRIVATE KEY-----" in content:
        cause = "Whoever has it can make certificates, or be the server; nobody needs it to know one."
        return [_fault(path, "It holds a private key.", cause, _IS_ONE)]
    if content.startswith(_DER):
        fix = "Convert it by `openssl x509 -inform der -in FILE -out OTHER`."
        return [_fault(path, "It is in DER form.", "git reads PEM, which is text.", fix)]
    try:
        known = trusting(content).get_ca_certs()
    except (ssl.SSLError, ValueError):
        cause = "It is another file, or its end was cut off."
        return [_fault(path, "It holds no whole certificate.", cause, _IS_ONE)]
    expired = [_name(one) for one in known if _ends(one) < now.timestamp()]
    if known and len(expired) == len(known):
        observed = f"It has expired: {', '.join(expired)}."
        return [
            _fault(path, observed, "The authority has a newer certificate.", "Ask its owner for that one.")
        ]
    return []


def trusting(content: bytes) -> ssl.SSLContext:
    """Return a client's context that knows these authorities alone. Raises SSLError, ValueError for no PEM.

    As for curl, a certificate in the file need not be that of a root.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=content.decode("ascii", errors="ignore"))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def not_of_it(path: str, host: str, told: str) -> Finding:
    """Explain why the certificate of a git server is not good. `told`: OpenSSL's words."""
    if re.search(r"mismatch|not valid for", told):
        cause = "The certificate is for other names, or the repository's URL has another name of the server."
        fix = "Use a name in the URL that the certificate has, or have the certificate mended."
    elif re.search(r"expired|not yet valid", told):
        cause = (
            "The server's certificate, or one between it and the authority, has expired or is not valid yet."
        )
        fix = "Have it renewed, or set the clock."
    else:
        cause = (
            "Another authority has signed it, or the server does not send what is between it and this one."
        )
        shows = f"`openssl s_client -showcerts -connect {host}`"
        fix = f"Name the certificate of the one that signed it: {shows} shows it."
    return _fault(path, f"By it, the certificate of {host} is not good: {told.rstrip('.')}.", cause, fix)


def _ends(certificate: Mapping[str, Any]) -> int:
    return ssl.cert_time_to_seconds(certificate["notAfter"])


def _name(certificate: Mapping[str, Any]) -> str:
    words = [value for part in certificate.get("subject", ()) for _, value in part]
    return words[-1] if words else "without a name"


def _fault(path: str, observed: str, cause: str, fix: str) -> Finding:
    return certain(object=f"file/{path}", observed=observed, cause=cause, fix=fix)
