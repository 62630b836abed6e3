"""Cores: affinity and the limits of containers, read from made-up /proc and /sys/fs/cgroup trees."""

from pathlib import Path

import pytest

from models import cores
from models.cores import engine_threads, quota, whole


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_container_with_half_a_cpu_is_told_so_by_cgroup_v2(tmp_path: Path) -> None:
    assert quota(tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"})) == 0.5


def test_an_unlimited_group_and_a_machine_without_groups_have_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path / "nothing-here") is None
    assert quota(tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"})) is None


def test_the_smallest_quota_on_the_way_up_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/kubepods/burstable/pod\n",
        "sys/fs/cgroup/kubepods/burstable/pod/cpu.max": "max 100000\n",
        "sys/fs/cgroup/kubepods/burstable/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/kubepods/cpu.max": "800000 100000\n",
        "sys/fs/cgroup/elsewhere/cpu.max": "1000 100000\n",  # another's
    }
    assert quota(tree(tmp_path, files)) == 1.5


def test_a_container_that_sees_the_hosts_path_finds_its_limit_at_the_mounts_top(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/docker/4bd7\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}
    assert quota(tree(tmp_path, files)) == 2.0


def test_a_path_that_leads_out_of_the_namespace_is_not_followed(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/../other\n",
        "sys/fs/cgroup/cpu.max": "200000 100000\n",
        "sys/fs/other/cpu.max": "10000 100000\n",
    }
    assert quota(tree(tmp_path, files)) == 2.0


@pytest.mark.parametrize("mounted", ["cpu,cpuacct", "cpu"])
def test_cgroup_v1_tells_its_quota_by_two_files(tmp_path: Path, mounted: str) -> None:
    files = {
        "proc/self/cgroup": "12:memory:/docker/4bd7\n4:cpu,cpuacct:/docker/4bd7\n1:cpuset:/x\n0::/\n",
        f"sys/fs/cgroup/{mounted}/docker/4bd7/cpu.cfs_quota_us": "-1\n",
        f"sys/fs/cgroup/{mounted}/docker/4bd7/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/{mounted}/cpu.cfs_quota_us": "125000\n",
        f"sys/fs/cgroup/{mounted}/cpu.cfs_period_us": "50000\n",
    }
    assert quota(tree(tmp_path, files)) == 2.5


@pytest.mark.parametrize("text", ["", "garbage", "0 100000", "50000 0", "50000"])
def test_a_limit_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    assert quota(tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": text})) is None


@pytest.mark.parametrize(
    ("time", "threads"), [(0.1, 1), (0.5, 1), (1, 1), (1.1, 1), (1.9, 2), (2, 2), (2.5, 3), (8, 8)]
)
def test_a_quota_is_rounded_to_whole_threads_and_never_to_none(time: float, threads: int) -> None:
    assert whole(time) == threads


@pytest.mark.parametrize(("allowed", "threads"), [(1, 1), (2, 2), (8, 4), (64, 4)])
def test_an_engine_takes_a_thread_a_core_and_at_most_four(
    allowed: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "cores", lambda: allowed)
    assert engine_threads() == threads
    assert engine_threads(9) == 9


def test_affinity_bounds_a_larger_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 3}, raising=False)
    root = tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "800000 100000\n"})
    assert cores.cpus(root) == 2
    assert cores.cpus(tree(tmp_path, {"sys/fs/cgroup/cpu.max": "25000 100000\n"})) == 0.25
