"""A server that answers with what it was sent, as a Deployment with the labels of a component."""

from __future__ import annotations

from typing import Any

from tests.cluster.pods import a_pod

PORT = 3000
SERVER = """
import http.server, os, hashlib
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.answer(os.environ['HOSTNAME'].encode())
    def do_POST(self):
        # Each piece goes back before the next one is read: both ways are busy at once.
        size = int(self.headers['Content-Length'])
        self.send_response(200)
        self.send_header('Content-Length', str(size))
        self.end_headers()
        while size:
            piece = self.rfile.read1(min(size, 65536))
            self.wfile.write(piece)
            size -= len(piece)
    def answer(self, body):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *said): pass
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(('', 3000), Handler).serve_forever()
"""
PROBE = {"readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1}}


def deployment(app: str, replicas: int = 1, **changed: Any) -> dict[str, Any]:
    """Return the Deployment; `changed` are fields of the container."""
    pod = a_pod(app, "python", "-c", SERVER, container={**PROBE, **changed}, restartPolicy="Always")
    template = {"metadata": {"labels": {"app": app}}, "spec": pod["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "template": template},
    }
