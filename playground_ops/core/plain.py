"""Text as a terminal and a page may show it: without anything that a reader does not see or that acts.

Strangers write it (a commit's subject, a server's log, a reason of Kubernetes): an escape sequence would
clear the screen or set its title, a mark for right-to-left text would show a name as another.
"""

import re
import unicodedata

_SEQUENCE = re.compile(
    r"\x1b(?:\[(?:[0-?]{1,64}[ -/]{0,2})?[@-~]|[\]PX^_][^\x00-\x1f\x7f-\x9f]{0,4000}(?:\x07|\x1b\\|\x9c))"
)
"""Control sequences and strings of a terminal (ECMA-48, 5.3 to 5.6). One without an end is only its start:
else it would hide all that follows. Of any other the escape character alone goes: the rest is printable."""
_UNSEEN = frozenset(
    map(chr, [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810)])
)
"""Letters and marks without a shape of their own (Unicode, Default_Ignorable_Code_Point)."""
_LAYOUT = frozenset("\n\t")
_SPACES = ("Cc", "Zl", "Zp", "Zs")


def plain(text: str) -> str:
    """Return the text with ends of lines and tabs, and else only what can be seen.

    A sequence for a terminal is left out, and so are marks of direction, of no width and of no meaning; any
    other control character is a space. Never raises.
    """
    if text.isascii() and text.isprintable():
        return text
    there = set(text)
    if "\x1b" in there:
        text = _SEQUENCE.sub("", text)
    text = text.replace("\r\n", "\n")
    odd = {one for one in there if not one.isprintable() or one in _UNSEEN} - _LAYOUT
    return text.translate({ord(one): _shown(one) for one in odd}) if odd else text


def _shown(odd: str) -> str | None:
    return " " if unicodedata.category(odd) in _SPACES else None
