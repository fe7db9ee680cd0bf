"""What a deploy does with a person's own rights, before and after it applies what it has planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playground_ops.config import Configuration
from playground_ops.core.plan import Change, Plan
from playground_ops.core.target import Say
from playground_ops.targets.kubernetes.api.connection import Connection
from playground_ops.targets.kubernetes.objects import inventory, value_mark
from playground_ops.targets.kubernetes.objects.applying import apply_changes
from playground_ops.targets.kubernetes.objects.database import ensure_database_passwords
from playground_ops.targets.kubernetes.outside import databases, deployment_databases, roles, values
from playground_ops.targets.kubernetes.outside.preflight import check


@dataclass(frozen=True)
class DeployFromOutside:
    connection: Connection
    configuration: Configuration
    project: Path
    say: Say

    def begin(self, whole: Plan, changed: Sequence[Change]) -> None:
        """Check what would fail halfway, then create namespaces, and in them Secrets, which no plan may show.

        Raises PlaygroundError before anything is written.
        """
        wanted = [one.manifest for one in whole.changes if one.manifest and one.action != "delete"]
        check(self.connection, self.configuration, wanted)
        inventory.make_namespaces(self.connection, self.configuration)
        spaces = {f"namespace/{name}" for name in self.configuration.namespaces}
        first = [change for change in changed if change.object in spaces]
        apply_changes(self.connection, first, lambda message: None)
        ensure_database_passwords(self.connection, self.configuration, self.say)
        databases.ensure_copies(self.connection, self.configuration, self.say)
        databases.ensure_secrets(self.connection, self.configuration, self.say)

    def settle(self, changed: Sequence[Change]) -> None:
        """Bring what lies in the database and on the claims to what this version has."""
        roles.ensure(self.connection, self.configuration, changed, self.say)
        databases.ensure(self.connection, self.configuration, self.say)
        deployment_databases.ensure(self.connection, self.configuration, self.say)
        value_mark.note_new(self.connection, changed)
        self.move_values(changed)

    def move_values(self, changed: Sequence[Change]) -> None:
        if due := value_mark.due(self.connection, self.configuration, changed):
            values.move(self.connection, self.configuration, self.project, due, self.say)
