"""Regenerate streams/broker/broker.lock: `python deploy/kafka/lock.py 4.4.0` (needs Maven, which resolves and checks).

The lock names every jar of the class path of a combined KRaft node and of its storage tool: what kafka_2.13 needs at
run time, and the binding between slf4j, which Kafka logs to, and log4j, which writes the file.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "streams" / "broker" / "broker.lock"
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>gretchen</groupId><artifactId>broker</artifactId><version>1</version>
<dependencies>{}</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def resolve(*wanted: str) -> dict[str, Path]:
    """Every jar of the runtime class path: group:artifact:version to the verified file in Maven's own cache."""
    with tempfile.TemporaryDirectory() as folder:
        pom, listing = Path(folder, "pom.xml"), Path(folder, "jars.txt")
        pom.write_text(POM.format("".join(DEPENDENCY.format(*one.split(":")) for one in wanted)))
        subprocess.run(
            ["mvn", "-q", "-B", "-f", pom, "dependency:list", "-DincludeScope=runtime",
             "-DoutputAbsoluteArtifactFilename=true", f"-DoutputFile={listing}"],
            check=True,
        )  # fmt: skip
        found = re.findall(r"^\s+([^:\s]+):([^:]+):jar:([^:]+):(?:compile|runtime):(\S+)", listing.read_text(), re.M)
    return {f"{group}:{artifact}:{version}": Path(file) for group, artifact, version, file in found}


def locked(coordinates: str, file: Path) -> dict[str, str | int]:
    data = file.read_bytes()
    return {"coordinates": coordinates, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def main(version: str) -> None:
    kafka = f"org.apache.kafka:kafka_2.13:{version}"
    log4j = next(
        name.split(":")[2] for name in resolve(kafka) if name.startswith("org.apache.logging.log4j:log4j-core:")
    )
    jars = resolve(kafka, f"org.apache.logging.log4j:log4j-slf4j-impl:{log4j}")
    lines = ",\n".join("  " + json.dumps(locked(name, file)) for name, file in sorted(jars.items()))
    LOCK.write_text(f'{{"kafka": {json.dumps(version)}, "jars": [\n{lines}\n]}}\n')
    sys.stdout.write(f"{LOCK}: {len(jars)} jars, {sum(file.stat().st_size for file in jars.values())} bytes\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
