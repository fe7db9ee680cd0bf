"""The catalogue of reasons for which a container does not run: by Kubernetes's reason, then its message.

The first entry that matches wins, so specific entries come before general ones.
"""

import re
from dataclasses import dataclass
from typing import Literal

from playground_ops.core.errors import FindingKind

CERTAIN, TRANSIENT, CAPACITY = FindingKind.CERTAIN, FindingKind.TRANSIENT, FindingKind.CAPACITY


@dataclass(frozen=True)
class Reason:
    reasons: str
    """Reasons of a waiting or ended container, a pod, or an event; separated by spaces."""
    message: str
    """A pattern, matched without regard to case."""
    kind: FindingKind
    cause: str
    fix: str
    whose: Literal["code", "surroundings"] = "surroundings"


PULL = "ErrImagePull ImagePullBackOff"
CATALOGUE = (
    Reason(
        PULL,
        r"proxy authentication required|\b407\b",
        CERTAIN,
        "A proxy between the node and the registry wants credentials.",
        "Mend the proxy's settings of the container runtime on the nodes.",
    ),
    Reason(
        PULL,
        r"unauthorized|authentication required|authorization failed|denied|403 forbidden",
        CERTAIN,
        "The registry does not let this cluster pull the image, or has no such image.",
        "Name a pull secret as `image_pull_secrets`, or mend the image's name.",
    ),
    Reason(
        PULL,
        r"not found|manifest unknown|does not exist|no match for platform|invalid reference",
        CERTAIN,
        "The registry has no such image, or none for the node's architecture.",
        "Mend the image's name or tag.",
    ),
    Reason(
        PULL,
        r"toomanyrequests|too many requests|rate limit",
        TRANSIENT,
        "The registry lets this cluster pull no more images for a while.",
        "Name a pull secret of an account with a higher limit as `image_pull_secrets`, or use a mirror.",
    ),
    Reason(
        PULL,
        r"x509|certificate|tls: ",
        CERTAIN,
        "The node does not trust the registry's certificate.",
        "Add its authority on the nodes, or mend the certificate.",
    ),
    Reason(
        PULL,
        r"no space left on device",
        CAPACITY,
        "The node's disk has no room, or no inodes, for the image.",
        "Give the node room: `crictl rmi --prune` removes images that nobody uses.",
    ),
    Reason(
        PULL,
        r"",
        TRANSIENT,
        "The node can't reach the image's registry, or that is not well.",
        "It is tried again. On a node, `crictl pull IMAGE` shows the same.",
    ),
    Reason(
        "InvalidImageName",
        r"",
        CERTAIN,
        "The image's name is not one.",
        "Mend it: `registry/name:tag`, in lower case.",
    ),
    Reason(
        "CreateContainerConfigError FailedMount",
        r"(?:secret|configmap) \"[^\"]+\" not found|non-existent (?:secret|config) key|couldn't find key",
        CERTAIN,
        "The pod needs a Secret or ConfigMap, or a key in it, that is not there.",
        "Make it, or mend its name in the configuration.",
    ),
    Reason(
        "CreateContainerConfigError",
        r"runAsNonRoot|non-numeric user|run as root",
        CERTAIN,
        "The image runs as root, and pods of this stack must not.",
        "Use an image that has a numeric user of its own.",
    ),
    Reason(
        "CreateContainerError RunContainerError StartError ContainerCannotRun",
        r"executable file not found|no such file or directory",
        CERTAIN,
        "The image has no such command.",
        "Use the stock image, or one that has what the component runs.",
    ),
    Reason(
        "CreateContainerError RunContainerError StartError ContainerCannotRun",
        r"exec format error",
        CERTAIN,
        "The image is for another kind of processor than the node's.",
        "Use an image that is built for it too, or keep the pod to nodes of its kind by `node_selector`.",
    ),
    Reason(
        "CreateContainerError RunContainerError StartError",
        r"deadline exceeded|failed to reserve|is reserved for|connection refused|transport",
        TRANSIENT,
        "The node's container runtime does not keep up, or is restarting.",
        "It is tried again; `kubectl describe node` may say more.",
    ),
    Reason(
        "CreateContainerError RunContainerError StartError ContainerCannotRun",
        r"no space left on device",
        CAPACITY,
        "The node's disk has no room, or no inodes, left.",
        "Give the node room: `df -h` and `df -i` on it tell which.",
    ),
    Reason(
        "CreateContainerError RunContainerError StartError ContainerCannotRun",
        r"not a directory",
        CERTAIN,
        "A file is mounted over a folder, or a folder over a file.",
        "Mount whole ConfigMaps as folders, never single files.",
    ),
    Reason(
        "CreateContainerConfigError CreateContainerError RunContainerError StartError",
        r"",
        CERTAIN,
        "The node can't make the container as it is described.",
        "The message above says what it stumbles over.",
    ),
    Reason(
        "OOMKilled",
        r"",
        CERTAIN,
        "It needs more memory than its limit.",
        "Raise `resources: limits: memory:`, or load less at import.",
        "code",
    ),
    Reason(
        "Evicted",
        r"exceeds the limit|exceeds the total limit|exceeded its local ephemeral storage limit",
        CAPACITY,
        "It wrote more to its pod's own disk (`/tmp`, its home) than it may, and was ended alone.",
        "Have its code write less there, or raise `resources: limits: ephemeral-storage` of its `pod`.",
    ),
    Reason(
        "Evicted",
        r"",
        CAPACITY,
        "The node ran out of memory, disk or process ids, and this pod had to go.",
        "Give the node room, or the pod larger requests so that it is placed where there is room.",
    ),
    Reason(
        "Unschedulable",
        r"persistentvolumeclaim \"[^\"]+\" not found|volume node affinity",
        CERTAIN,
        "Its volume is not there, or lies where the pod may not run.",
        "Look at `kubectl get pvc`: a missing claim, or a volume in another zone?",
    ),
    Reason(
        "Unschedulable",
        r"unbound immediate",
        CAPACITY,
        "Its claim has no volume yet: it is being made, or nobody makes volumes of its storage class.",
        "`kubectl describe pvc` tells which; it starts by itself when there is one.",
    ),
    Reason(
        "Unschedulable",
        r"were unschedulable|node\.kubernetes\.io/(?:unschedulable|[a-z]+-pressure)|"
        r"taint \{[\w./-]*(?:not-ready|unreachable|uninitialized)",
        CAPACITY,
        "A node that it may run on is cordoned or not well.",
        "`kubectl get nodes` shows it. It starts by itself when the node takes pods again.",
    ),
    Reason(
        "Unschedulable",
        r"untolerated taint\(s\)",  # Kubernetes 1.34 and later name none
        CAPACITY,
        "A node that it may run on is not ready yet, or has a taint for other pods: the scheduler does not "
        "say which.",
        "`kubectl describe nodes` shows their taints. It starts by itself when the node is ready; to run on "
        "one with a taint of yours it needs `tolerations`.",
    ),
    Reason(
        "Unschedulable",
        r"insufficient",
        CAPACITY,
        "No node has room for what the pod requests.",
        "Add a node, or lower `resources: requests:`. It starts by itself when there is room.",
    ),
    Reason(
        "Unschedulable",
        r"affinity|selector|taint|unschedulable",
        CERTAIN,
        "No node is one that the pod may run on.",
        "Mend `node_selector`, `affinity` and `tolerations`, or add such a node.",
    ),
    Reason(
        "NodeNotReady",
        r"",
        TRANSIENT,
        "The node that it runs on does not answer: it is down, or cut off from the cluster.",
        "`kubectl get nodes` shows which. Its pods are made anew elsewhere after five minutes (or as "
        "`tolerations: seconds` has it); at once when a node that will not come back is deleted.",
    ),
    Reason(
        "FailedMount FailedAttachVolume",
        r"",
        TRANSIENT,
        "A volume can't be mounted on the node.",
        "It is tried again; the storage's own pods may say more.",
    ),
    Reason(
        "FailedCreate",
        r"exceeded quota",
        CAPACITY,
        "The namespace's quota leaves no room for the pod.",
        "Raise the quota, or lower `resources: requests:`.",
    ),
    Reason(
        "FailedCreate",
        r"failed calling webhook",
        TRANSIENT,
        "A webhook that the cluster asks about every pod does not answer.",
        "Its name is in the message: bring its pods up, or remove its configuration. It is tried again.",
    ),
    Reason(
        "FailedCreate",
        r"serviceaccount \"[^\"]+\" not found",
        CERTAIN,
        "The account that the pod is to run as was deleted.",
        "`python -m playground_ops.bootstrap` makes it.",
    ),
    Reason(
        "FailedCreate",
        r"no PriorityClass with name",
        CERTAIN,
        "The cluster has no such PriorityClass.",
        "Make it, or mend `priority_class`.",
    ),
    Reason(
        "FailedCreate",
        r"violates PodSecurity|denied the request|forbidden",
        CERTAIN,
        "A policy of the cluster refuses the pod.",
        "Change what the message names, or the policy.",
    ),
)


def known(reason: str, message: str) -> Reason | None:
    entries = (entry for entry in CATALOGUE if reason in entry.reasons.split())
    return next((entry for entry in entries if re.search(entry.message, message, re.IGNORECASE)), None)
