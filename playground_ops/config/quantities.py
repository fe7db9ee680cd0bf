"""Types for quantities and cron schedules, and their rules. Each raises ValueError(expected) in words."""

import re
from typing import Annotated

from pydantic import AfterValidator

from playground_ops.config.kubernetes_rules import label_key
from playground_ops.config.rules import AsWritten
from playground_ops.config.shape import Shape
from playground_ops.core.pod_settings import amount

_QUANTITY = r"([0-9]+(\.[0-9]{1,3})?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?"
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
"""Resources that every node has; others are given whole and to one container alone."""

_QUOTA = (
    *("cpu", "memory", "requests.cpu", "requests.memory", "limits.memory", "requests.storage"),
    *("pods", "services", "configmaps", "secrets", "persistentvolumeclaims"),
)
"""Resources for which every container of the stack has a value: a quota of others would let none start."""
_OTHERS = r"requests\.[a-z0-9.-]+\.[a-z]+/[A-Za-z0-9._-]+"


def _quantity(value: str) -> str:
    """Check a quantity (apimachinery resource.Quantity, without exponents)."""
    if not re.fullmatch(_QUANTITY, value):
        raise ValueError("a quantity such as `500m`, `2` or `1Gi`")
    return value


def _bytes_quantity(value: str) -> str:
    """Check for whole bytes: an API server warns of fractions of a byte, and may refuse them."""
    if amount(_quantity(value)) % 1:
        raise ValueError("a whole number of bytes, such as `512Mi`: `m` is a thousandth")
    return value


def _resource(value: str) -> str:
    """Check a container's resource name (Kubernetes documentation, "Resource Management for Pods")."""
    if "/" not in value and value not in _RESOURCES and not value.startswith("hugepages-"):
        raise ValueError(f"one of {', '.join(_RESOURCES)}, `hugepages-SIZE`, or a name with a domain")
    return label_key(value)


def resources(requests: dict[str, str], limits: dict[str, str]) -> None:
    """Raises ValueError naming a resource with impossible requests or limits (core/v1 validation)."""
    for name, given in sorted((*requests.items(), *limits.items())):
        if name != "cpu" and amount(given) % 1:
            raise ValueError(f"a whole number of `{name}`, not {given}: `m` is a thousandth")
    for name in sorted(requests.keys() - limits.keys()):
        if name not in _RESOURCES:
            raise ValueError(f"a limit of `{name}` too: it is never given to more than can have it")
    for name in sorted(requests.keys() & limits.keys()):
        if amount(requests[name]) > amount(limits[name]):
            raise ValueError(f"a request of `{name}` that is not above its limit, {limits[name]}")
        if name not in _RESOURCES and amount(requests[name]) != amount(limits[name]):
            raise ValueError(f"a request of `{name}` that is its limit, {limits[name]}")


def _quota_resource(value: str) -> str:
    """Check a resource name of a ResourceQuota (Kubernetes documentation, "Resource Quotas")."""
    if value not in _QUOTA and not re.fullmatch(_OTHERS, value):
        raise ValueError(f"one of {', '.join(_QUOTA)}, or `requests.` and a name with a domain")
    return value


def _quota(found: dict[str, str]) -> dict[str, str]:
    for name, given in sorted(found.items()):
        if not name.endswith("cpu") and amount(given) % 1:
            raise ValueError(f"a whole number of `{name}`, not {given}")
    return found


_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 28), ("month", 1, 12), ("weekday", 0, 6))
"""The 29th and later days are left out, since some months lack them."""
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")


def cron_schedule(value: str) -> str:
    """Check a cron schedule of five fields."""
    fields = value.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("a cron schedule of five fields, such as `0 3 * * *`")
    for text, (name, lowest, highest) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, lowest, highest) for part in text.split(",")):
            raise ValueError(
                f"a cron schedule whose {name} is of {lowest} to {highest}, `*`, `a-b`, `*/n` or a list"
            )
    return " ".join(fields)


def _fits(part: str, lowest: int, highest: int) -> bool:
    found = _PART.fullmatch(part)
    if found is None:
        return False
    first, last, step = (int(one) if one else None for one in found.groups())
    if step is not None and (step == 0 or (first is not None and last is None)):
        return False
    return lowest <= (lowest if first is None else first) <= (highest if last is None else last) <= highest


def _any_of(names: tuple[str, ...], *patterns: str) -> str:
    """Return a pattern. `re.escape` would escape a dash, which is an error in JavaScript."""
    return "|".join((*(name.replace(".", r"\.") for name in names), *patterns))


Quantity = Annotated[AsWritten, AfterValidator(_quantity), Shape("quantity", _QUANTITY)]
Bytes = Annotated[AsWritten, AfterValidator(_bytes_quantity), Shape("quantity of bytes", _QUANTITY)]
Resource = Annotated[
    str, AfterValidator(_resource), Shape(pattern=_any_of(_RESOURCES, "hugepages-.+", "[^/]+/[^/]+"))
]
QuotaResource = Annotated[str, AfterValidator(_quota_resource), Shape(pattern=_any_of(_QUOTA, _OTHERS))]
Quota = Annotated[dict[QuotaResource, Quantity], AfterValidator(_quota)]
CronSchedule = Annotated[
    str, AfterValidator(cron_schedule), Shape("cron, UTC", r"\s*[0-9*,/-]+(\s+[0-9*,/-]+){4}\s*")
]
