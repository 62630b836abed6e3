"""What a process gives back of what it freed, with glibc's malloc and without its settings of streams/memory.py."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is not glibc's")

BLOCKS, BLOCK_BYTES, MIB = 300, 300 << 10, 1 << 20
TAKE_AND_FREE = f"""
import ctypes, resource, sys
from pathlib import Path
from streams.memory import give_back_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

if sys.argv[1] == "told":
    assert give_back_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.free(libc.malloc(16 << 20))  # a large buffer of early days
before, blocks = resident(), []
for _ in range({BLOCKS}):
    blocks.append(libc.malloc({BLOCK_BYTES}))
    ctypes.memset(blocks[-1], 1, {BLOCK_BYTES})
    libc.malloc(5000)  # something that stays, too large for holes among what Python has
for block in blocks:
    libc.free(block)
print(resident() - before)
"""


def kept_mib(how: str) -> float:
    """Of 88 MiB taken and freed."""
    command = [sys.executable, "-c", TAKE_AND_FREE, how]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return int(said.stdout) / MIB


def test_what_is_freed_goes_back_to_the_system() -> None:
    assert kept_mib("told") < 10


def test_glibc_alone_keeps_what_is_freed() -> None:
    assert kept_mib("not told") > 50  # else streams/memory.py has nothing to do any more
