"""Requests as an account of the stack, in dry runs: what the API server says to each."""

from __future__ import annotations

import json
from typing import Any

from kubernetes.client.exceptions import ApiException

from playground_ops.targets.kubernetes.api.paths import collection
from tests.cluster.access import Access

Object = dict[str, Any]


def asked(access: Access, account: str, method: str, where: str, body: Object | None = None) -> str:
    """Return the API server's refusal to the account, in a dry run; empty when it does not refuse."""
    space, client = where.split("/namespaces/")[1].partition("/")[0], access.client()
    headers = {
        "Impersonate-User": f"system:serviceaccount:{space}:{account}",
        "Content-Type": "application/json",
    }
    client.update_params_for_auth(headers, [], ["BearerToken"])
    url, query = f"{client.configuration.host}{where}", [("dryRun", "All"), ("fieldValidation", "Strict")]
    try:
        client.request(method, url, query_params=query, headers=headers, body=body)
    except ApiException as error:
        return str(json.loads(error.body)["message"])
    return ""


def refused_to_make(access: Access, account: str, wanted: Object) -> str:
    """Return the refusal to make an object; empty when the account may."""
    where = collection(wanted["apiVersion"], wanted["kind"], wanted["metadata"]["namespace"])
    return asked(access, account, "POST", where, wanted)
