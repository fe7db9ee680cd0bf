"""Names the byte order mark of a text file, which parsers of TOML refuse without a word that says so."""

import codecs

from playground_ops.core.errors import Finding, certain

_MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def marked(name: str, content: bytes) -> Finding | None:
    """Return a finding about a file that begins with a byte order mark; None without one."""
    found = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), None)
    if found is None:
        return None
    return certain(
        object=f"file/{name}",
        observed=f"It is {found} with a byte order mark (BOM).",
        cause="Some editors and shells on Windows write one. TOML is UTF-8 without: pip and build backends "
        "call it an invalid statement at line 1, column 1.",
        fix="Save it as UTF-8 without BOM, and commit it.",
    )
