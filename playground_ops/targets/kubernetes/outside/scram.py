"""Passwords as Postgres keeps them, so that it is told none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

ROUNDS = 4096


def verifier(password: str, salt: bytes | None = None) -> str:
    """As Postgres keeps it (SCRAM-SHA-256; RFC 5802, RFC 7677). The password is of ASCII."""
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    told = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ROUNDS}:{told[0]}${told[1]}:{told[2]}"
