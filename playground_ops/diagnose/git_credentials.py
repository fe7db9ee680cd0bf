"""Checks files with credentials for git before they go anywhere. Pure; their content is never shown.

Formats: OpenSSH `PROTOCOL.key`, sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT", RFC 1421 (encrypted PEM).
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from playground_ops.core.errors import Finding, certain

LONGEST = 65_536
"""Bytes; every real file is shorter."""
SSH_PORT = 22
_PUBLIC = re.compile(rb"\s*(ssh-|ecdsa-|sk-|---- BEGIN SSH2 PUBLIC|-----BEGIN ([A-Z0-9]+ )?PUBLIC KEY-----)")
_PRIVATE = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\r?\n(.*?)-----END \1PRIVATE KEY-----", re.S)
_MAGIC = b"openssh-key-v1\0"
Told = tuple[str, str, str]
"""What was seen, why, and what to do."""
_KEY_TYPE = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+")


def faults_of_key(path: str, content: bytes) -> list[Finding]:
    """Return the first fault of a private key for SSH, which makes further ones pointless."""
    fault = _other_than_a_key(content) or _of_no_use(content)
    return [_fault(path, *fault)] if fault else []


def _other_than_a_key(content: bytes) -> Told | None:
    if not content.strip():
        return "It is empty.", "No key is in it.", "Name the file with the private key."
    if _PUBLIC.match(content):
        cause = "The git server has that one; the stack needs its other half."
        return "It holds a public key.", cause, "Name the file without `.pub`."
    if content.startswith(b"PuTTY-User-Key-File"):
        fix = "Convert it by `puttygen KEY -O private-openssh -o FILE`."
        return "It is a key in PuTTY's format.", "OpenSSH can't read it.", fix
    if _PRIVATE.search(content) is None:
        observed, cause = "It holds no whole private key.", "It is another file, or its end was cut off."
        return observed, cause, "Name the private key that `ssh-keygen` made."
    return None


def _of_no_use(content: bytes) -> Told | None:
    found = _PRIVATE.search(content)
    if found is not None and _has_passphrase(found[1], found[2]):
        cause = "Nobody is there to type it when a pod fetches code."
        fix = "Make a key for this purpose alone: `ssh-keygen -t ed25519 -N '' -f FILE`."
        return "The key has a passphrase.", cause, fix
    if b"\r" in content:
        fix = "Make it a text file of Unix: `tr -d '\\r' < KEY > FILE`."
        return "Its lines end as on Windows.", "OpenSSH can't read such a key.", fix
    if not content.endswith(b"\n"):
        cause = "OpenSSH takes such a key for a broken one."
        return "Its last line has no end.", cause, "Add one: `echo >> FILE`."
    return None


def _has_passphrase(kind: bytes, body: bytes) -> bool:
    if kind.startswith(b"ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in body:
        return True
    try:
        decoded = base64.b64decode(b"".join(body.split()))
    except (binascii.Error, ValueError):
        return False
    if not decoded.startswith(_MAGIC):
        return False
    rest = decoded[len(_MAGIC) :]
    length = int.from_bytes(rest[:4], "big")
    return rest[4 : 4 + length] != b"none"


def faults_of_known_hosts(path: str, content: bytes, urls: Sequence[str]) -> list[Finding]:
    """Return the faults. `urls`: repositories fetched over SSH; each host of theirs must be in the file."""
    lines = [line.split() for line in content.decode("utf-8", errors="replace").splitlines()]
    entries = [line for line in lines if line and not line[0].startswith(("#", "@revoked"))]
    entries = [line[1:] if line[0].startswith("@") else line for line in entries]
    scan = (
        "Write it by `ssh-keyscan -p PORT HOST > FILE`, and compare the keys with what your git server says."
    )
    if not entries:
        return [
            _fault(path, "No host is in it.", "`ssh-keyscan` writes nothing when it can't connect.", scan)
        ]
    if any(len(line) < 3 or not _KEY_TYPE.fullmatch(line[1]) for line in entries):
        cause = "It is another file, such as a public key, or was cut off."
        return [_fault(path, "Not every line of it is a host, a kind of key and a key.", cause, scan)]
    hosts = sorted({host_of(url) for url in urls})
    missing = [host for host in hosts if not any(_matches(line[0], host) for line in entries)]
    return [
        _fault(
            path, f"It has no entry for {host}.", "A location that uses this Secret fetches from there.", scan
        )
        for host in missing
    ]


def host_of(url: str) -> str:
    """Return the host as known_hosts has it: `host`, or `[host]:port` where the port is not 22."""
    if "://" not in url:  # git's short form, user@host:path
        return url.partition(":")[0].rpartition("@")[2].lower()
    found = urlsplit(url)
    host = (found.hostname or "").lower()
    return host if found.port in (None, SSH_PORT) else f"[{host}]:{found.port}"


def _matches(names: str, host: str) -> bool:
    if names.startswith("|1|"):
        return _is_hash_of(names, host)
    patterns = names.lower().split(",")
    if any(name.startswith("!") and _is_like(name[1:], host) for name in patterns):
        return False
    return any(_is_like(name, host) for name in patterns)


def _is_like(pattern: str, host: str) -> bool:
    """Match with `*` and `?` as the only wildcards; a bracket is a bracket."""
    return fnmatchcase(host, pattern.replace("[", "[[]"))


def _is_hash_of(names: str, host: str) -> bool:
    try:
        salt, told = (base64.b64decode(part) for part in names.split("|")[2:4])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, host.encode(), hashlib.sha1).digest(), told)


def faults_of_token(path: str, content: bytes) -> list[Finding]:
    if not content.strip():
        return [_fault(path, "It is empty.", "No token is in it.", "Name the file with the token.")]
    if b"PRIVATE KEY-----" in content or _PUBLIC.match(content):
        fix = "Give a key by --ssh-key, with --known-hosts."
        return [_fault(path, "It holds a key.", "A token is one line of text.", fix)]
    if content.strip(b"\r\n") != content and not re.search(rb"[\r\n]", content.strip(b"\r\n")):
        return [
            _fault(
                path,
                "A line end is behind the token.",
                "It would be sent as a part of the password, which is then a wrong one.",
                "Write it without: `tr -d '\\r\\n' < FILE > OTHER`.",
            )
        ]
    if content.strip() != content or not _is_one_line(content):
        cause = "A token or password is one; this is another file, or something was pasted beside it."
        return [_fault(path, "It is not one line of text.", cause, "Write the token alone into it.")]
    return []


def _is_one_line(content: bytes) -> bool:
    """Return whether it is one line of printable UTF-8; a byte order mark is not printable either."""
    try:
        return content.decode().isprintable()
    except UnicodeDecodeError:
        return False


def faults_of_username(name: str) -> list[Finding]:
    if name and name.isprintable() and not re.search(r"[\s:]", name):
        return []
    observed, fix = "It is no name of a user.", "Give one; many git servers take any, such as `git`."
    return [_fault("option/--username", observed, "It is empty, or has a space or colon in it.", fix)]


def _fault(path: str, observed: str, cause: str, fix: str) -> Finding:
    what = path if path.startswith("option/") else f"file/{path}"
    return certain(object=what, observed=observed, cause=cause, fix=fix)
