"""Settings come from the environment, once, and a mistake in them is one clear line."""

from pathlib import Path

import pytest

from models.errors import SettingsError
from streams.settings import Settings, load_settings, variable

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()


def test_values_are_converted_to_their_types() -> None:
    settings = load_settings({"GRETCHEN_PARTITIONS": "12", "GRETCHEN_LINGER_MS": "2.5", "GRETCHEN_DATA_DIR": "/x"})
    assert (settings.partitions, settings.linger_ms, settings.data_dir) == (12, 2.5, Path("/x"))


def test_kafka_settings_are_named_as_other_tools_name_them() -> None:
    assert load_settings({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2"}).bootstrap_servers == "a:1,b:2"


def test_an_option_given_wins_over_the_environment_and_none_means_not_given() -> None:
    environ = {"GRETCHEN_PAGE_PORT": "1"}
    assert load_settings(environ, page_port=2).page_port == 2
    assert load_settings(environ, page_port=None).page_port == 1


def test_an_unknown_setting_is_named_with_what_it_may_have_meant() -> None:
    with pytest.raises(SettingsError, match=r"GRETCHEN_PARTITION;.*GRETCHEN_PARTITIONS"):
        load_settings({"GRETCHEN_PARTITION": "3"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRETCHEN_PARTITIONS", "many"),
        ("GRETCHEN_PARTITIONS", "0"),
        ("GRETCHEN_METRICS_PORT", "70000"),
        ("GRETCHEN_SESSION_TIMEOUT_S", "-1"),
        ("GRETCHEN_TABLE_STORE", "redis"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
    ],
)
def test_an_unusable_value_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({name: value})
    assert name in str(error.value) and repr(value) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in repr(load_settings({"KAFKA_SASL_PASSWORD": "hunter2"}))


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    assert [v for v in map(variable, Settings.__struct_fields__) if f"`{v}`" not in text] == []


def test_secrets_for_the_sinks_file_are_no_unknown_settings() -> None:
    assert load_settings({"GRETCHEN_SECRET_OPS": "hunter2"}) == Settings()
