"""Known ends that come from how a repository is laid out: names, and several definitions in one module."""

from playground_ops.diagnose.known import CERTAIN, CHECKOUT, Known

_SEVERAL = "The module has several, and a code location loads one."
_NAME_ONE = "Name one of these by the location's `attribute`; another location can load another one."
_WRITE = (
    "Write below `tempfile.gettempdir()` what may go; what has to stay, to an I/O manager or a database. "
    "What lies beside the code is gone with the next commit."
)
LAYOUT = (
    Known(
        r"^\S*DagsterInvariantViolationError: Cannot have more than one (?:Definitions object|function).*$",
        CERTAIN,
        _SEVERAL,
        _NAME_ONE,
    ),
    Known(
        r"^\S*DagsterInvariantViolationError: (?:No repository and m|M)ore than one (?:job|graph) found.*$",
        CERTAIN,
        _SEVERAL,
        f"Put them in one `dg.Definitions(jobs=[...])`. Or: {_NAME_ONE[0].lower()}{_NAME_ONE[1:]}",
    ),
    Known(
        r"^\S*DagsterInvariantViolationError: \S+ not found (?:in module|at module scope).*$",
        CERTAIN,
        "The location's `attribute` names what the module does not have; the names after `dir:` are there.",
        "Correct `attribute`, or remove it: then Dagster finds the one Definitions object.",
    ),
    Known(
        r"^\S*DagsterInvariantViolationError: Loadable attributes must be .*$",
        CERTAIN,
        "The location's `attribute` names something else.",
        "Name the Definitions object by `attribute`, or remove it: then Dagster finds the one there is.",
    ),
    Known(
        r"^(?:\S*python[\d.]*: |ModuleNotFoundError: )No module named '?dagster\.(?:__main__|_|cli).*$",
        CERTAIN,
        "Something of the repository is imported as `dagster`, instead of Dagster: a folder `dagster/` with "
        "an `__init__.py`, or a file `dagster.py`.",
        "Rename it, and whatever imports it.",
    ),
    Known(
        # Where the code itself raises it, it is a name of its own that is not there.
        rf"^ImportError: cannot import name .* from '[\w.]+' \(\S*{CHECKOUT}.*$",
        CERTAIN,
        "A library imports a package, and gets a file of the repository that has the same name.",
        "Rename that file, which the message names, and whatever imports it.",
        in_library=True,
    ),
    Known(
        rf"^OSError: \[Errno 30\] .*(?:'[^/']|{CHECKOUT}).*$|^.*attempt to write a readonly database.*$",
        CERTAIN,
        "The code writes, while it is imported, where it may not: its own folder belongs to the commit.",
        _WRITE,
    ),
    Known(
        rf"^PermissionError: \[Errno 13\] .*(?:'[^/']|{CHECKOUT}).*$",
        CERTAIN,
        "It lies in the folder of the commit, which the code may not write to everywhere; or it is a program "
        "that git does not have as executable.",
        f"{_WRITE} A program: `git update-index --chmod=+x`.",
    ),
)
"""They come before what is known in general."""
