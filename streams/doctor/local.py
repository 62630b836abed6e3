"""Checks of this machine: Python, packages, settings, folders, models, ports, and what the demo needs."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata

import httpx
from packaging.requirements import Requirement

from models.errors import BrokerUnavailable, SettingsError
from streams.doctor.finding import Finding, error, of_error, ok, warning
from streams.settings import SECRET_FIELDS, Settings, load_settings

OLDEST = (3, 11)
LITTLE_BYTES, TOO_LITTLE_BYTES = 2 << 30, 200 << 20
DEMO_EXTRA = "pip install 'gretchen[demo]'"


def check_python() -> Iterator[Finding]:
    got = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < OLDEST:
        yield error(
            "Python", got, wanted="3.11 or later", remedy="install a newer Python and make the environment again"
        )
    else:
        yield ok("Python", got)


def check_packages() -> Iterator[Finding]:
    """Every requirement of ours: those of serving must be met, those of an extra are worth a warning."""
    try:
        requirements = [Requirement(line) for line in metadata.requires("gretchen") or ()]
    except metadata.PackageNotFoundError:
        yield error("packages", "gretchen is not installed here", remedy="pip install '.[demo]' in its folder")
        return
    serving = [one for one in requirements if needed(one, "")]
    demo = [one for one in requirements if needed(one, "demo") and one not in serving]
    unmet = [said for one in serving if (said := unmet_by(one))]
    missing = [said for one in demo if (said := unmet_by(one))]
    for said in unmet:
        yield error("packages", said, remedy="pip install --upgrade gretchen")
    if missing:
        yield warning("packages", f"for the demo and the page: {'; '.join(missing)}", remedy=DEMO_EXTRA)
    if not unmet:
        yield ok("packages", f"{len(serving)} that serving needs are there, in the versions wanted")


def needed(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def unmet_by(requirement: Requirement) -> str:
    """Why the requirement is not met; empty where it is."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing, wanted {requirement.specifier or 'any version'}"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} is {version}, wanted {requirement.specifier}"


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """The settings in force, without the variables that are wrong; each of those is a finding of its own."""
    usable, findings = dict(environ), []
    for name, value in environ.items():
        try:
            load_settings({name: value})
        except SettingsError as raised:
            findings.append(of_error("settings", raised))
            del usable[name]
    settings = load_settings(usable)
    if not findings:
        findings.append(ok("settings", in_force(settings)))
    return settings, findings


def in_force(settings: Settings) -> str:
    """What differs from the defaults; a secret never shows."""
    default = Settings()
    differing = [
        f"{name}={'***' if name in SECRET_FIELDS else value}"
        for name in settings.__struct_fields__
        if (value := getattr(settings, name)) != getattr(default, name)
    ]
    return "all at their defaults" if not differing else ", ".join(differing)


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    there = settings.data_dir
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield error(
            "data dir",
            f"{settings.data_dir} can't be written ({there} is {'not ours' if there.is_dir() else 'no folder'})",
            remedy="set GRETCHEN_DATA_DIR to a folder of yours",
            exit_code=SettingsError.exit_code,
        )
        return
    free = shutil.disk_usage(there).free
    got = f"{settings.data_dir}, {free / 2**30:.1f} GiB free"
    if free < LITTLE_BYTES:
        level = error if free < TOO_LITTLE_BYTES else warning
        yield level("data dir", got, wanted="2 GiB", remedy="make room, or set GRETCHEN_DATA_DIR to another disk")
    else:
        yield ok("data dir", got)


def check_models(settings: Settings) -> Iterator[Finding]:
    """Each artifact against its manifest, every byte of it. Raises ArtifactError."""
    from models.artifact import load_artifact

    for task, folder in (("news", settings.news_model), ("intents", settings.intents_model)):
        artifact = load_artifact(folder)
        heads = ", ".join(f"{name} ({len(head.labels)})" for name, head in artifact.config.heads.items())
        yield ok(f"{task} model", f"{artifact.version} in {folder} is what its manifest says; heads: {heads}")


def check_device(settings: Settings) -> Iterator[Finding]:
    """Raises SettingsError where it can't be used."""
    from streams.engines import device_of

    yield ok("device", f"the news and intents models run on {device_of(settings)}")


def check_watchlist(settings: Settings) -> Iterator[Finding]:
    """Raises InputError."""
    from streams.news.entities import load_watchlist

    yield ok("watchlist", f"{len(load_watchlist(settings.watchlist))} entities in {settings.watchlist}")


def check_rules(settings: Settings) -> Iterator[Finding]:
    """Raises SettingsError, InputError, ArtifactError."""
    from streams.news.doubts import doubts
    from streams.rules_file import rules_of

    book = rules_of(settings)
    source = settings.rules if settings.rules.exists() else f"the defaults, for there is no {settings.rules}"
    for doubt in doubts(book):
        yield warning("rules", f"{settings.rules}: {doubt}")
    streams = len({key for keys in book.streams.values() for key in keys})
    yield ok("rules", f"{len(book.rules)} on {streams} streams, of {source}; `gretchen rules check` shows them")


def check_java(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Only the embedded Kafka wants it, so a lack is a warning."""
    from streams.broker.jars import jars_dir, missing, read_lock
    from streams.broker.java import find_java

    try:
        java = find_java(environ)
    except BrokerUnavailable as raised:
        yield warning("Java for the demo", str(raised))
    else:
        yield ok("Java for the demo", f"Java {java.version} from {java.origin}, {java.path}")
    lock = read_lock()
    lacking = missing(lock, jars_dir(lock, environ))
    if lacking:
        size = sum(jar.bytes for jar in lacking) / 2**20
        got = f"{len(lacking)} of {len(lock.jars)} jars of Kafka {lock.kafka} are not in {jars_dir(lock, environ)}"
        yield warning("Kafka for the demo", got, remedy=f"the first `gretchen demo` fetches them ({size:.0f} MiB)")
    else:
        yield ok("Kafka for the demo", f"Kafka {lock.kafka}, {len(lock.jars)} jars verified")


def check_ports(settings: Settings) -> Iterator[Finding]:
    """A port that is taken by one of ours is as it should be."""
    for name, host, port in (
        ("metrics", settings.metrics_host, settings.metrics_port),
        ("page", settings.page_host, settings.page_port),
    ):
        check = f"{name} port"
        if port == 0:
            yield ok(check, "any free one")
        elif not (taken := why_taken(host, port)):
            yield ok(check, f"{host}:{port} is free")
        elif answers_healthy(host, port):
            yield ok(check, f"{host}:{port} is answered, in good health, by what runs there")
        else:
            remedy = f"stop what listens there, or set GRETCHEN_{name.upper()}_PORT"
            yield warning(check, f"{host}:{port} can't be used: {taken}", wanted="a free port", remedy=remedy)


def why_taken(host: str, port: int) -> str:
    """The system's reason, empty where a server could listen there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as raised:
        return raised.strerror or str(raised)
    return ""


def answers_healthy(host: str, port: int) -> bool:
    try:
        return httpx.get(f"http://{host}:{port}/healthz", timeout=2.0).status_code == httpx.codes.OK
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
