"""`python -m playground_ops.bootstrap` is the command `bootstrap`, by the name it had first."""

from collections.abc import Sequence

from playground_ops.cli.bootstrap_command import bootstrap
from playground_ops.cli.main import guarded
from playground_ops.cli.repeating import repeating


def main(arguments: Sequence[str] | None = None) -> None:
    guarded(bootstrap, f"{repeating().program} bootstrap", arguments)


if __name__ == "__main__":
    main()
