"""One frozen Settings and the one place that reads the environment.

Every field can be set by `GRETCHEN_<FIELD>`; the Kafka fields by `KAFKA_<FIELD>` as other Kafka tools name them.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from models.cores import cpus
from models.errors import SettingsError

PACKAGE = Path(__file__).resolve().parent
ZOO = PACKAGE.parent / "models" / "zoo"

Positive = Annotated[int, Meta(ge=1)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0)]


def default_data_dir() -> Path:
    """$XDG_DATA_HOME/gretchen, or ~/.local/share/gretchen."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "gretchen"


def batch_tokens_for(cpus: float) -> int:
    """4096 from two CPUs on, a power of two in proportion below them, 512 at least.

    On half a CPU the large batch would take most of a second, all the while stopped for half of every 100 ms by the
    container's limit, and whoever came meanwhile would wait for all of it. A few dozen texts fill the engine as well.
    """
    return min(4096, max(512, 1 << int(2048 * cpus).bit_length() - 1))


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a worker, a source, the page or the doctor needs to know; the defaults suit a laptop."""

    # Kafka
    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: str = "PLAINTEXT"  # PLAINTEXT | SSL | SASL_PLAINTEXT | SASL_SSL
    ssl_cafile: str = ""
    sasl_mechanism: str = "PLAIN"  # PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512
    sasl_username: str = ""
    sasl_password: str = ""
    # the app
    app_id: str = "gretchen"  # consumer group, and the prefix of the tables' changelogs
    topic_prefix: str = ""  # put before every topic's name, for several installations on one cluster
    partitions: Positive = 4
    replication_factor: Positive = 1
    instance_id: str = ""  # static group membership: a restarted worker gets its partitions back at once
    session_timeout_s: Seconds = 10.0
    broker_wait_s: Seconds = 30.0  # how long to retry a broker that does not answer
    data_dir: Path = msgspec.field(default_factory=default_data_dir)
    table_store: str = "rocksdb"  # rocksdb (on disk) | memory
    # models
    news_model: Path = ZOO / "news"
    intents_model: Path = ZOO / "intents"
    reader_model: Path = ZOO / "reader"  # this and the next two may be missing at their default places
    instructions_model: Path = ZOO / "instructions"
    encoder_model: Path = ZOO / "encoder"
    templates: Path = PACKAGE / "chat" / "templates"
    watchlist: Path = PACKAGE / "news" / "watchlist.csv"
    engine_threads: Annotated[int, Meta(ge=0)] = 0  # 0: one a core, at most 4
    device: str = "cpu"  # of the news and intents models: cpu | cuda, which wants the [gpu] extra
    engine_batch_tokens: Positive = 512  # with padding, that a thread runs at once
    # batches
    batch_records: Positive = 256
    batch_tokens: Positive = msgspec.field(default_factory=lambda: batch_tokens_for(cpus()))
    linger_ms: Annotated[float, Meta(ge=0)] = 20.0
    chat_linger_ms: Annotated[float, Meta(ge=0)] = 2.0  # a customer waits, and a batch of one is answered no slower
    max_text_chars: Positive = 20_000
    max_future_s: Seconds = 86_400.0  # a record dated later than this from now is refused
    # chat
    wrong_answer_price: Annotated[float, Meta(gt=1)] = 3.0  # in hand-overs to a person
    chat_expires_s: Seconds = 1800.0  # of silence, then a conversation begins anew
    handover_expires_s: Seconds = 86_400.0  # the same while a person has it
    passages_read: Annotated[int, Meta(ge=1, le=50)] = 3  # of documents, for one question
    max_document_bytes: Positive = 20_000_000  # of a file that is added to the documents
    time_zone: str = "UTC"  # what "today" is, in questions about the news
    # watching
    rules: Path = Path("rules.yaml")  # what is watched for; without the file, the defaults
    tick_s: Seconds = 60.0  # how often time passes for streams of which nothing is heard
    # endpoints, loopback unless told otherwise
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9464
    page_host: str = "127.0.0.1"
    page_port: Port = 8080
    api_keys: str = ""  # who may use /v1 of the page, separated by commas; none: this machine alone
    api_origins: str = ""  # sites whose scripts may use it, separated by commas; none: no other site's
    api_per_s: Annotated[float, Meta(gt=0)] = 20.0  # requests of a key, and of an address, in the long run
    notify_port: Port = 9465  # metrics of `gretchen notify`, on metrics_host
    # where alerts go
    sinks: Path = Path("sinks.toml")
    log_level: str = "INFO"

    def __repr__(self) -> str:
        shown = {
            f: "***" if f in SECRET_FIELDS and getattr(self, f) else getattr(self, f) for f in self.__struct_fields__
        }
        return f"Settings({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


KAFKA_FIELDS = (
    "bootstrap_servers",
    "security_protocol",
    "ssl_cafile",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
)
SECRET_FIELDS = ("sasl_password", "api_keys")
"""Fields that are never shown or logged."""
CHOICES = {
    "security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "sasl_mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
    "table_store": ("rocksdb", "memory"),
    "device": ("cpu", "cuda"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
}


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    return ("KAFKA_" if field in KAFKA_FIELDS else "GRETCHEN_") + field.upper()


def load_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Settings from an environment, `overrides` (command-line options; None means not given) on top.

    Raises SettingsError for an unknown GRETCHEN_ variable, a value that does not convert, or one out of range.
    """
    names = {variable(field): field for field in Settings.__struct_fields__}
    values: dict[str, Any] = {}
    for name, value in environ.items():
        if name in names and value != "":
            values[names[name]] = value
        elif name.startswith(SECRET):
            continue
        elif name.startswith("GRETCHEN_") and name not in names and name not in OTHER_VARIABLES:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(names))}"
            raise SettingsError(f"unknown setting {name}; {hint}")
    values.update((k, v) for k, v in overrides.items() if v is not None)
    for field, value in values.items():
        try:
            msgspec.convert({field: value}, Settings, strict=False, dec_hook=convert_path)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{variable(field)}: got {value!r}; {str(error).split(' - at')[0]}") from None
        if field in CHOICES and value not in CHOICES[field]:
            raise SettingsError(f"{variable(field)}: got {value!r}, wanted one of {', '.join(CHOICES[field])}")
    return msgspec.convert(values, Settings, strict=False, dec_hook=convert_path)


def convert_path(kind: type, value: Any) -> Path:
    """Paths are the one type that msgspec leaves to us; ~ is expanded."""
    return Path(value).expanduser()


SECRET = "GRETCHEN_SECRET_"
"""Begins the variables that a sinks file may name, see streams/sinks/secrets.py; any name may follow."""

OTHER_VARIABLES = frozenset({"GRETCHEN_CACHE", "GRETCHEN_MAVEN_URL", "GRETCHEN_FORBID_SKIPS", "GRETCHEN_SHARED_DATA"})
"""GRETCHEN_ variables that are no settings: the download cache and two switches of the test suite."""
