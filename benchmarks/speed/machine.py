"""What figures are measured on: processor, cores, memory, versions, commit; and how busy others keep it meanwhile."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.speed.results import Machine
from models.cores import cpus

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "sve")
"""Instructions that int8 and bf16 products use, on x86 and on ARM."""
LIBRARIES = (
    "onnxruntime",
    "tokenizers",
    "numpy",
    "faust-streaming",
    "aiokafka",
    "msgspec",
    "rocksdict",
    "torch",
    "transformers",
    "openvino",
    "quixstreams",
    "confluent-kafka",
)
GIB = 1 << 30


def look(root: Path = ROOT) -> Machine:
    """This machine, now. What it does not tell is left out."""
    model, flags = processor()
    facts = {
        "processor": model,
        "cores": cores_told(),
        "instructions": ", ".join(flag for flag in FLAGS if flag in flags),
        "memory": memory(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "commit": commit(root),
        "Kafka": kafka(),
        "Python": f"{platform.python_version()} ({sys.implementation.name})",
    }
    return Machine({**{what: told for what, told in facts.items() if told}, **libraries()})


def processor() -> tuple[str, frozenset[str]]:
    """Its name and its flags, by Linux; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    pairs = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    told = dict(reversed(pairs))  # of the first core
    return told.get("model name", platform.machine()), frozenset(
        (told.get("flags") or told.get("Features", "")).split()
    )


def cores_told() -> str:
    there, ours = os.cpu_count() or 1, cpus()
    return f"{there}" if ours == there else f"{ours:g} of {there}"


def memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.1f} GiB"
    except (ValueError, OSError, AttributeError):
        return ""


def commit(root: Path = ROOT) -> str:
    """The commit's short name, with "changed" where files differ from it; empty outside a checkout."""
    try:
        name = git(root, "rev-parse", "--short=12", "HEAD")
        changed = git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{name}, changed" if changed else name


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def kafka() -> str:
    """The embedded Kafka's version; a cluster that the settings name may have another."""
    try:
        lock = msgspec.json.decode((ROOT / "streams" / "broker" / "broker.lock").read_bytes())
    except OSError:
        return ""
    return str(lock["kafka"])


def libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


class Busy(NamedTuple):
    """CPU seconds since the start: of the whole machine, of us with the processes we have waited for, stolen."""

    all_s: float
    ours_s: float

    def others_since(self, before: "Busy", seconds: float) -> float:
        """The share of all cores' time that others had, 0 to 1."""
        others_s = (self.all_s - before.all_s) - (self.ours_s - before.ours_s)
        return min(1.0, max(0.0, others_s / (seconds * (os.cpu_count() or 1)))) if seconds > 0 else 0.0


def busy() -> Busy | None:
    """None where psutil is not installed. Stolen time counts as others': a guest of the same host had it."""
    try:
        import psutil
    except ImportError:
        return None
    spent = psutil.cpu_times()
    not_spent = ("idle", "iowait", "guest", "guest_nice")  # the guests' time is in user and nice already
    idle_s = sum(getattr(spent, each, 0.0) for each in not_spent)
    mine = os.times()
    return Busy(sum(spent) - idle_s, mine.user + mine.system + mine.children_user + mine.children_system)
