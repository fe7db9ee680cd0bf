"""Values as they are written in CEL, the language of admission policies."""

from __future__ import annotations

import json
from typing import Any


def literal(value: Any) -> str:
    """Of strings, numbers, lists and maps: as in JSON, but CEL's escapes know no surrogate pairs."""
    return json.dumps(value, ensure_ascii=False)
