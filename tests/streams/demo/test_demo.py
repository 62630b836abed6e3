"""The main job from end to end: real Kafka, real worker, real models."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from streams.settings import ZOO

TRUTH = json.loads((Path(__file__).parents[3] / "streams" / "sample" / "truth.json").read_text())
DEMO = [sys.executable, "-m", "streams", "demo"]

pytestmark = pytest.mark.kafka


def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAFKA_")}
    return {
        **kept,
        "GRETCHEN_DATA_DIR": str(tmp_path / "data"),
        "GRETCHEN_METRICS_PORT": "0",
        "GRETCHEN_PAGE_PORT": "0",
    }


def test_the_demo_accounts_for_every_record_and_finds_the_three_surges(tmp_path: Path) -> None:
    done = subprocess.run([*DEMO, "--once"], env=environ(tmp_path), capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    totals = json.loads(done.stdout.splitlines()[-1])
    assert totals["news"] == totals["scored"] + totals["dead_letters"]
    assert totals["scored"] >= 400
    assert totals["dead_letters"] >= 12
    assert totals["questions"] == totals["answers"] >= 80
    intents = list(TRUTH["questions"].values())
    assert totals["abstained"] >= intents.count(None) - 2
    assert totals["by_template"] >= 0.5 * (len(intents) - intents.count(None))  # the rest are hard paraphrases
    if (ZOO / "reader").exists():
        assert totals["by_documents"] >= 0.5 * len(TRUTH["on_documents"])
    if (ZOO / "instructions").exists():
        assert totals["by_live"] >= 0.5 * len(TRUTH["on_the_stream"])
    assert 0 < totals["handovers"] <= totals["abstained"]
    assert totals["entities"] > totals["scored"] / 2
    assert totals["alerts"] == len(TRUTH["surges"])
    for surge in TRUTH["surges"]:
        assert surge["entity"].lower() in done.stderr.lower(), surge
    assert not any(
        line.startswith("ALERT") and TRUTH["good_surge"]["entity"] in line for line in done.stderr.splitlines()
    )


def test_ctrl_c_stops_everything_within_ten_seconds_and_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with log.open("wb") as err:
        demo = subprocess.Popen(DEMO, env=environ(tmp_path), stderr=err, start_new_session=True)
    try:
        deadline = time.monotonic() + 90
        while b"Metrics:" not in log.read_bytes():
            assert demo.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        children = psutil.Process(demo.pid).children(recursive=True)
        ports = {c.laddr.port for p in children for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert len(children) >= 3 and len(ports) >= 3
        begun = time.monotonic()
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(10) == 130
        assert time.monotonic() - begun < 10
    finally:
        demo.kill()
    psutil.wait_procs(children, timeout=1)
    assert not [p for p in children if p.is_running()]
    taken = {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert not ports & taken
