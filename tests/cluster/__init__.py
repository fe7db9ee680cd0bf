"""A real Kubernetes on one Linux machine, without Docker and without an image registry.

`binaries` builds Kubernetes, etcd and CoreDNS from pinned Go modules; `images` makes container images
from Debian and PyPI packages; `machine` gives a node its own PID, mount and network namespaces, so that
killing one process ends all of it; `cluster` puts the parts together; `faults` breaks them on purpose.

    python -m tests.cluster up | status | kubectl get pods -A | down
"""

from tests.cluster.places import choose_instance

choose_instance()  # before anything that is named or addressed by it
