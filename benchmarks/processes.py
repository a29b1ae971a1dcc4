"""What a process has used, as Linux tells it in /proc, and what a folder takes on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pids: Sequence[int]) -> float:
    """Seconds of CPU that the processes and their threads have used so far, in user and kernel mode."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / _TICKS_A_SECOND


def machine_cpu_s() -> float:
    """Seconds of CPU that all of the machine has used since it started, interrupts and stolen time included."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_A_SECOND


def rss_mb(pids: Sequence[int]) -> float:
    """Resident memory in MB of 10^6 bytes; what several share is counted for each."""
    return sum(int(_stat(pid)[21]) for pid in pids) * _PAGE_BYTES / 1e6


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that still run."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in listed for child in file.read_text(encoding="ascii").split()]


def name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()


def disk_mb(folder: Path, pattern: str) -> float:
    """What the files of that pattern take on disk, in MB of 10^6 bytes."""
    return sum(file.stat().st_blocks * 512 for file in folder.glob(pattern) if file.is_file()) / 1e6


def _stat(pid: int) -> list[str]:
    # The second field is the program's name in brackets, and may itself hold spaces and brackets.
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
