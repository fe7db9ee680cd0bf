"""The first process of a pod with a location's code: it passes signals on, and reaps what others leave.

A code server as process 1 would ignore signals that it does not handle yet while it imports, and nobody
would reap the processes of runs. Sharing the processes of a pod among its containers mends that too, but then
code of a location can end the process that holds the sandbox together: its init containers run again.
"""

import shlex

_PROGRAM = """\
import os, signal, sys
passed = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
signal.pthread_sigmask(signal.SIG_BLOCK, passed)
child = os.fork()
if not child:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)
for number in passed:
    signal.signal(number, lambda number, frame: os.kill(child, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
while True:
    ended, status = os.wait()
    if ended == child:
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
"""


def first(script: str) -> str:
    """Return a shell script that at once becomes the first process, and has `script` run as the second one.

    A shell that is the first process ignores SIGTERM: a pod that is told to end while its script runs would
    stay for all of its grace.
    """
    return f"""\
exec python -I -S -c '{_PROGRAM}' sh -ec {shlex.quote(script)} "$0" "$@"
"""
