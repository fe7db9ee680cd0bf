"""`python -m playground_ops.frontdoor`: `dagster-webserver`, with its options, behind the front door."""

from importlib.metadata import PackageNotFoundError, version

from playground_ops.core.errors import Finding, certain


def _other_dagster(error: ImportError) -> Finding:
    try:
        there = f"dagster-webserver {version('dagster-webserver')}"
    except PackageNotFoundError:
        there = "no dagster-webserver"
    return certain(
        object="component/webserver",
        observed=f"It can't start: {error}.",
        cause=f"The front door is made for dagster-webserver 1.13, and there is {there} here.",
        fix="Name an image that has 1.13 as `images: dagster` or `webserver: pod: image`, or install it.",
    )


if __name__ == "__main__":
    try:
        from playground_ops.frontdoor.command import main
    except ImportError as error:
        raise SystemExit(_other_dagster(error).sentence()) from error
    main()
