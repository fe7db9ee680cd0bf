"""The first process of a pod with a location's code: it passes signals on, and reaps what others leave.

A code server as process 1 would ignore signals that it does not handle yet while it imports, and nobody
would reap the processes of runs. Sharing the processes of a pod among its containers mends that too, but then
code of a location can end the process that holds the sandbox together: its init containers run again.
"""

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
EXEC = f"""\
exec python -I -S -c '{_PROGRAM}' "$@"
"""
"""The end of a shell script: its arguments are the command of the second process, whose exit code it has."""
