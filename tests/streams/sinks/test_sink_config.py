"""The sinks file: what it may say, one line for each mistake, and secrets that show nowhere."""

from pathlib import Path

import pytest

from models.errors import SettingsError
from streams.sinks.config import Alertmanager, Log, Mail, Sink, Slack, Webhook, load_sinks

ALL = """
[[sink]]
kind = "webhook"
name = "ops"
url = "https://ops.example/hook?token=${TOKEN}"
secret = "${GRETCHEN_SECRET_OPS}"
minimum_severity = "warning"

[[sink]]
kind = "slack"
name = "desk"
url = "file:{folder}/slack"
entities = ["AAPL", "NOK"]
statuses = ["opened", "resolved"]

[[sink]]
kind = "email"
name = "mail"
host = "smtp.example"
username = "gretchen"
password = "${GRETCHEN_SECRET_MAIL}"
sender = "gretchen@example.com"
recipients = ["a@example.com", "b@example.com"]

[[sink]]
kind = "alertmanager"
name = "prom"
url = "http://alertmanager:9093"
labels = { team = "markets" }

[[sink]]
kind = "log"
name = "out"
"""


def load(folder: Path, text: str, **environ: str) -> tuple[Sink, ...]:
    path = folder / "sinks.toml"
    path.write_text(text.replace("{folder}", str(folder)), "utf-8")
    return load_sinks(path, environ)


def refused(folder: Path, text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(folder, text, **environ)
    told = str(raised.value)
    assert "\n" not in told
    return told


def sink(of: str, **values: str) -> str:
    given = {"kind": f'"{of}"', "name": '"s"', **values}
    return "[[sink]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items() if value)


def webhook(**values: str) -> str:
    return sink("webhook", **{"url": '"https://a.example/x"', "secret": '"hunter2"', **values})


def test_every_kind_is_read_and_secrets_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "slack").write_text("https://hooks.example/T0/B0/hunter2\n")
    (tmp_path / "mail").write_text("hunter3\n")
    environ = {
        "TOKEN": "hunter4",
        "GRETCHEN_SECRET_OPS": "hunter5",
        "GRETCHEN_SECRET_MAIL_FILE": str(tmp_path / "mail"),
    }
    ops, desk, mail, prom, out = load(tmp_path, ALL, **environ)
    assert isinstance(ops, Webhook) and ops.url == "https://ops.example/hook?token=hunter4" and ops.secret == "hunter5"
    assert isinstance(desk, Slack) and desk.url == "https://hooks.example/T0/B0/hunter2"
    assert desk.entities == ("AAPL", "NOK") and desk.statuses == ("opened", "resolved")
    assert isinstance(mail, Mail) and mail.password == "hunter3" and mail.security == "starttls"
    assert isinstance(prom, Alertmanager) and prom.labels == {"team": "markets"}
    assert isinstance(out, Log) and out.minimum_severity == "info"
    assert "hunter" not in repr((ops, desk, mail, prom, out)) and "example" not in repr(desk)


def test_what_must_not_show_includes_the_path_of_a_url_by_itself(tmp_path: Path) -> None:
    (hook,) = load(tmp_path, webhook(url='"https://a.example/T0/hunter2"'))
    assert set(hook.secrets()) == {"https://a.example/T0/hunter2", "/T0/hunter2", "hunter2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "wanted [[sink]] tables"),
        ("sink = 3", "wanted [[sink]] tables"),
        ("[[sinks]]\nkind = 'log'", "got 'sinks'"),
        ("[[sink", "not TOML"),
        (sink("log") + sink("log"), "named 's'"),
        (sink("pager"), "kind: got 'pager', wanted one of webhook, slack, email, alertmanager, log"),
        (sink("log", kind=""), "kind: got None"),
        (sink("log", name='"Ops Desk"'), "name"),
        (sink("log", name=""), "missing required field `name`"),
        (sink("log", severity='"warning"'), "unknown key 'severity'; did you mean 'minimum_severity'?"),
        (sink("log", minimum_severity='"urgent"'), "minimum_severity: Invalid enum value 'urgent'; wanted one of info"),
        (sink("log", statuses='["closed"]'), "wanted one of opened, grew, resolved"),
        (sink("log", kinds='["surge"]'), "wanted one of negatives, share, volume, turn, storm"),
        (sink("log", scopes='["company"]'), "wanted one of entity, topic, sector, all"),
        (sink("log", storms='"no"'), "storms: Expected `bool`"),
        (sink("log", timeout_s="0"), "timeout_s"),
        (sink("slack", url='"hooks.example/x"'), "url: got no http URL"),
        (sink("slack", url='"ftp://hooks.example/x"'), "url: got a ftp URL"),
        (sink("slack", url='"http://[::1"'), "url: not a usable URL"),
        (webhook(secret=""), "missing required field `secret`"),
        (webhook(secret='"${NOWHERE}"'), "secret wants ${NOWHERE}, which is not set; set NOWHERE, or NOWHERE_FILE"),
        (webhook(secret='"file:/nowhere/x"'), "wants /nowhere/x, which can't be read"),
        (webhook(authorization='"Bearer a\\nb"'), "authorization: holds control characters"),
        (webhook(authorization='"Bearer é"'), "authorization: holds more than ASCII"),
        (
            sink("alertmanager", url='"http://a.example"', statuses='["opened"]'),
            "an Alertmanager needs all",
        ),
        (sink("alertmanager", url='"http://a.example"', labels='{"no good" = "x"}'), "labels"),
        (sink("email", host='"h"', sender='"a"', recipients="[]"), "recipients"),
        (sink("email", host='"h"', sender='"a"', recipients='["b"]', username='"u"'), "wanted both or neither"),
        (
            sink(
                "email",
                host='"h"',
                sender='"a"',
                recipients='["b"]',
                username='"u"',
                password='"p"',
                security='"none"',
            ),
            "security: got 'none' with a password",
        ),
    ],
)
def test_each_mistake_is_one_line_that_says_where_and_what(tmp_path: Path, text: str, said: str) -> None:
    told = refused(tmp_path, text)
    assert "sinks.toml" in told and said in told


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    assert "hunter2" not in refused(tmp_path, webhook(url='"ftp://hunter2.example/x"'))
    assert "hunter2" not in refused(tmp_path, webhook(url='"${U}"'), U="https://a.example:hunter2/")
    assert "hunter2" not in refused(tmp_path, webhook(name='"no good"'))


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"GRETCHEN_SINKS: can't read .*sinks\.toml"):
        load_sinks(tmp_path / "sinks.toml", {})


def test_an_empty_secret_file_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert "which is empty" in refused(tmp_path, webhook(secret=f'"file:{tmp_path}/empty"'))
