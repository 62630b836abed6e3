"""Runs one child process that must outlive neither us nor the process that started us.

Started as a script by an interpreter of its own (`python -I -S guard.py REMOVE OUTPUT COMMAND...`), because the parent
may die of SIGKILL, which no code inside it survives. The parent holds the other end of our stdin: the byte `t` asks the
child to end, `k` kills it, and the end of the file, which the kernel sends even for a parent killed with -9, kills it
and removes the folder REMOVE. Our stdout says the child's process id; our exit status is the child's. Standard library
only.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def die_with_guard() -> None:
    """In the child, before exec, on Linux: SIGKILL once the guard itself is gone (elsewhere the pipe must do)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def obey(child: "subprocess.Popen[bytes]", parent: int, orphaned: threading.Event) -> None:
    """Until the parent is gone: do what it says. A fork of the parent may hold the pipe open, so look at its id too."""
    while True:
        ready, _, _ = select.select([0], [], [], 1.0)
        said = os.read(0, 1) if ready else b"-"
        if said == b"t":
            child.terminate()
        elif said == b"k":
            child.kill()
        elif not said or os.getppid() != parent:
            orphaned.set()
            child.kill()
            return


def main(remove: str, output: str, *command: str) -> int:
    parent, orphaned = os.getppid(), threading.Event()
    linux = sys.platform == "linux"
    with open(output, "ab") as out:  # noqa: PTH123 - this interpreter starts without site-packages; keep imports few
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=die_with_guard if linux else None,
        )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=obey, args=(child, parent, orphaned), daemon=True).start()
    status = child.wait()
    if orphaned.is_set() and remove:
        shutil.rmtree(remove, ignore_errors=True)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
