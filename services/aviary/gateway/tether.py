"""Run a program that dies with its parent: `python tether.py PARENT PROGRAM ARGUMENT…`.

A program of its own, not a hook between fork and exec: that hook would run
Python in a copy of a process whose other threads, and the locks they hold, are
gone. The death signal survives exec, and the program takes this one's place.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2]
    # Elsewhere no such call exists; there the program outlives a parent that was killed.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above, which then never signals.
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program, sys.argv[2:])  # noqa: S606 - replacing this process is its purpose


if __name__ == "__main__":
    main()
