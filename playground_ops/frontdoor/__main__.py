"""`python -m playground_ops.frontdoor`: `dagster-webserver`, with its options, behind the front door."""

from importlib.metadata import PackageNotFoundError, version

from playground_ops.core.errors import Finding, certain


def _cant_start(error: ImportError) -> Finding:
    own = (error.name or "").startswith("playground_ops")
    cause, fix = _own_file() if own else _other_dagster()
    return certain(object="component/webserver", observed=f"It can't start: {error}.", cause=cause, fix=fix)


def _own_file() -> tuple[str, str]:
    cause = "A file of the front door is missing, or of another version than the others."
    return cause, "`python -m playground_ops deploy` writes all of them."


def _other_dagster() -> tuple[str, str]:
    try:
        there = f"dagster-webserver {version('dagster-webserver')}"
    except PackageNotFoundError:
        there = "no dagster-webserver"
    cause = f"The front door is made for dagster-webserver 1.13, and there is {there} here."
    return (
        cause,
        "Name an image that has 1.13 as `images: dagster` or `webserver: pod: image`, or install it.",
    )


if __name__ == "__main__":
    try:
        from playground_ops.frontdoor.command import main
    except ImportError as error:
        raise SystemExit(_cant_start(error).sentence()) from error
    main()
