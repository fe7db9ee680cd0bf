"""Starts a module of this project's code where files of a repository, or of a location's code, are near."""

from playground_ops.render.names import SOURCE_FILE, SOURCE_FOLDER


def isolated(module: str) -> str:
    """Return a shell script that unpacks this project's code into `$0` and runs the module with `$@`.

    Python's option -I: variables, the user's packages, and the folder that it starts in give it no path.
    """
    start = (
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
        f"runpy.run_module('{module}', run_name='__main__')"
    )
    return f"""\
umask 022
rm -rf "$0"
mkdir "$0"
python -I -m tarfile -e {SOURCE_FOLDER}/{SOURCE_FILE} "$0"
exec python -I -c "{start}" "$0" "$@"
"""
