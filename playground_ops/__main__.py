"""The entry point of `python -m playground_ops COMMAND`."""

from playground_ops.cli import main

if __name__ == "__main__":
    main()
