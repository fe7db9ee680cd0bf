"""The webservers of a stack's Dagster instances, one for each deployment, and how each is reached."""

from playground_ops.config import Configuration
from playground_ops.core.component import component_of
from playground_ops.core.model import MAIN
from playground_ops.render.names import WEBSERVER, WEBSERVER_PORT
from playground_ops.render.webserver import prefix
from playground_ops.targets.common.webserver import Webserver, WebserverDown
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.api.paths import path_of


class Instances:
    def __init__(self, connection: Connection, configuration: Configuration) -> None:
        self._connection, self._configuration = connection, configuration
        self._namespace = configuration.kubernetes.namespace
        self._addresses: dict[str, str] = {}
        """The URLs of webservers by deployment, once they were found."""

    def webserver(self, deployment: str = MAIN) -> Webserver:
        """Return a deployment's webserver. Raises WebserverDown when there is none."""
        address = self._addresses.get(deployment) or self._address(deployment)
        if address is None:
            raise WebserverDown(f"no {component_of('webserver', deployment)} is deployed here")
        self._addresses[deployment] = address
        return Webserver(address)

    def ui_address(self, deployment: str = MAIN) -> str | None:
        ingress = self._configuration.of(deployment).kubernetes.ingress
        name = component_of(WEBSERVER, deployment)
        if self._connection.get(path_of("v1", "Service", name, self._namespace)) is None:
            return None
        if ingress is not None:
            return ingress.url
        way = "ui" if deployment == MAIN else f"ui {deployment}"
        return f"http://{name}.{self._namespace}:{WEBSERVER_PORT} (in the cluster; `{way}` leads there)"

    def _address(self, deployment: str) -> str | None:
        """Return the URL by cluster IP, which also works on a machine that reaches the cluster's Services."""
        name = component_of(WEBSERVER, deployment)
        service = self._connection.get(path_of("v1", "Service", name, self._namespace))
        if service is None:
            return None
        under = prefix(self._configuration.of(deployment))
        return f"http://{service['spec']['clusterIP']}:{WEBSERVER_PORT}{under}"
