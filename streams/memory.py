"""What a worker frees goes back to the system: glibc by itself keeps it, in pieces, and the process only grows.

Each freed block that was large enough to be a mapping of its own raises the size from which blocks become one, up to
32 MiB (mallopt(3), M_MMAP_THRESHOLD). Then what was fetched, memtables and buffers lie between small things that stay,
in an arena for each thread, and the next peak finds its place elsewhere. docs/experiments.md has the figures.
"""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
OPTIONS = {
    M_MMAP_THRESHOLD: 128 << 10,  # glibc's first value; set, it stays. With 1 MiB memory climbs still
    M_TRIM_THRESHOLD: 16 << 20,  # free at the heap's end: less would go, and be taken again, with every batch
}


def give_back_freed() -> bool:
    """From now on, in this process. False where malloc is not glibc's, which is left as it is."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function; no such library; Windows
        return False
    taken = [mallopt(option, value) for option, value in OPTIONS.items()]
    return all(taken)
