"""Limits the Services and Ingresses that `ops` may make: admission policies.

A Service can open a port to the world, take the traffic of other addresses, or lead what is meant for a
database elsewhere; an Ingress can take any host, and its annotations configure the proxy. So each has what
the configuration has under its name.
"""

from collections.abc import Iterator, Sequence

from playground_ops.config import Configuration
from playground_ops.render import database, locations, webserver
from playground_ops.render.admission_containers import literal
from playground_ops.render.admission_pods import may_have_more
from playground_ops.render.names import LOCATION, OPS_ACCOUNT, RELEASE, Object
from playground_ops.render.namespaces import Scope

SERVICES, INGRESSES = f"{OPS_ACCOUNT}-services", f"{OPS_ACCOUNT}-ingresses"
_NAME = "object.metadata.name"
_RELEASES = "^dagster-release-[-a-z0-9]+-[0-9]+$"
_IS_ADDRESS = (
    f"({_NAME} in variables.addresses || (variables.mayHaveMore && !({_NAME} in variables.types) && "
    f"{_NAME}.matches('^dagster-grpc-[-a-z0-9]+$')))"
)
_BEFORE = "(request.operation == 'UPDATE' && has(oldObject.metadata.annotations))"
_NOTES = (
    "!has(object.metadata.annotations) || object.metadata.annotations.all(k, "
    f"({_BEFORE} ? k in oldObject.metadata.annotations && oldObject.metadata.annotations[k] == "
    "object.metadata.annotations[k] : false) || "
    f"{_NAME} + '|' + k + '=' + object.metadata.annotations[k] in variables.notes)",
    "'the annotation of an address that the configuration does not have'",
)
"""What controllers wrote stays as it was."""
_SELECTOR = "variables.selector"
_FROM_OUTSIDE = ("externalIPs", "externalName", "loadBalancerIP", "loadBalancerClass")
SERVICE_VARIABLES = (("selector", "has(object.spec.selector) ? object.spec.selector : {}"),)
SERVICE_VALIDATIONS = (
    (
        f"{_NAME} in variables.types || {_IS_ADDRESS} || {_NAME}.matches('{_RELEASES}')",
        "'a Service that the stack does not have'",
    ),
    (
        "(has(object.spec.type) ? object.spec.type : 'ClusterIP') == "
        f"({_NAME} in variables.types ? variables.types[{_NAME}] : 'ClusterIP')",
        "'a type of Service that the configuration does not have'",
    ),
    (
        " && ".join(f"!has(object.spec.{field})" for field in _FROM_OUTSIDE),
        "'a Service at addresses outside of the cluster'",
    ),
    (
        # What is named for a release selects that one; an address leads to one release of its location.
        f"({_NAME} in variables.types || {_IS_ADDRESS}) ? {_SELECTOR}.all(k, k == 'app' ? "
        f"{_SELECTOR}[k] == {_NAME} : k == '{RELEASE}' && {_IS_ADDRESS}) && "
        f"('app' in {_SELECTOR} || {_IS_ADDRESS} && size({_SELECTOR}) == 0) : "
        f"size({_SELECTOR}) == 2 && '{LOCATION}' in {_SELECTOR} && '{RELEASE}' in {_SELECTOR} && "
        f"(variables.mayHaveMore || {_SELECTOR}['{LOCATION}'] in variables.locations) && "
        f"{_NAME} == 'dagster-release-' + "
        f"{_SELECTOR}['{LOCATION}'] + '-' + {_SELECTOR}['{RELEASE}']",
        "'other pods behind a Service'",
    ),
    _NOTES,
)
"""Expressions, and the messages with which they refuse."""
_PATHS = "object.spec.rules[0].http.paths"
INGRESS_VALIDATIONS = (
    (
        "!has(object.spec.defaultBackend) && has(object.spec.rules) && size(object.spec.rules) == 1 && "
        "has(object.spec.rules[0].host) && has(object.spec.rules[0].http) && "
        f"{_PATHS}.all(p, has(p.backend.service) && p.backend.service.name == {_NAME} && "
        f"{_NAME} + '|' + object.spec.rules[0].host + '|' + p.path in variables.places)",
        "'a host, a path or a Service that the configuration does not have for this Ingress'",
    ),
    (
        f"{_NAME} + '|' + (has(object.spec.ingressClassName) ? object.spec.ingressClassName : '') "
        "in variables.classes && (!has(object.spec.tls) || object.spec.tls.all(t, has(t.secretName) && "
        f"{_NAME} + '|' + t.secretName in variables.certificates && has(t.hosts) && "
        "t.hosts.all(h, h == object.spec.rules[0].host)))",
        "'a class or a certificate that the configuration does not have for this Ingress'",
    ),
    _NOTES,
)


def service_values(configuration: Configuration, scope: Scope) -> Iterator[tuple[str, str]]:
    """Yield the configuration's values as CEL."""
    found = list(_services(configuration, scope))
    yield "types", literal({one["metadata"]["name"]: one["spec"]["type"] for one in found})
    own = [locations.service(configuration, one)["metadata"]["name"] for one in scope.locations]
    yield "addresses", literal(own)
    yield "locations", literal([one.name for one in scope.locations])
    yield "notes", literal(_notes(found))
    yield "mayHaveMore", literal(may_have_more(configuration, scope))


def ingress_values(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Yield the configuration's values as CEL."""
    found = [one for one in _of_webservers(configuration) if one["kind"] == "Ingress"]
    specs = [(one["metadata"]["name"], one["spec"]) for one in found]
    places = [
        "|".join((name, rule["host"], path["path"]))
        for name, spec in specs
        for rule in spec["rules"]
        for path in rule["http"]["paths"]
    ]
    yield "places", literal(places)
    yield "classes", literal([f"{name}|{spec.get('ingressClassName', '')}" for name, spec in specs])
    tls = [f"{name}|{one['secretName']}" for name, spec in specs for one in spec.get("tls", ())]
    yield "certificates", literal(tls)
    yield "notes", literal(_notes(found))


def _services(configuration: Configuration, scope: Scope) -> Iterator[Object]:
    yield from (locations.service(configuration, one) for one in scope.locations)
    if scope.namespace == configuration.kubernetes.namespace:
        every = (*_of_webservers(configuration), *database.render(configuration))
        yield from (one for one in every if one["kind"] == "Service")


def _of_webservers(configuration: Configuration) -> list[Object]:
    every = configuration.views
    return [one for view in every for one in (*webserver.render(view), *webserver.read_only(view))]


def _notes(found: Sequence[Object]) -> list[str]:
    return [
        f"{one['metadata']['name']}|{key}={value}"
        for one in found
        for key, value in one["metadata"].get("annotations", {}).items()
    ]
