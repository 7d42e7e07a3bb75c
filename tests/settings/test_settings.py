"""Settings: later sources win, and nothing misspelt is silently a default."""

from pathlib import Path

import pytest

from roundsman.settings import Settings, SettingsError, described, load


def test_environment_wins_over_file_and_overrides_over_both(tmp_path: Path) -> None:
    file = tmp_path / "roundsman.toml"
    file.write_text('port = 1\nhost = "::1"\nlog_level = "debug"\n')
    settings = load(file, {"ROUNDSMAN_PORT": "2", "ROUNDSMAN_HOST": "127.0.0.1"}, port=3, host=None)
    assert (settings.port, settings.host, settings.log_level) == (3, "127.0.0.1", "debug")


def test_lists_and_paths_come_from_variables() -> None:
    settings = load(None, {"ROUNDSMAN_HOSTNAMES": "fleet.plant.example, 10.1.2.3", "ROUNDSMAN_DATA_DIR": "/srv/data"})
    assert settings.hostnames == ("fleet.plant.example", "10.1.2.3")
    assert settings.data_dir == Path("/srv/data")
    assert settings.database == "sqlite:////srv/data/roundsman.sqlite3"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ROUNDSMAN_PROT": "1"}, "unknown setting prot in the environment: did you mean port?"),
        ({"ROUNDSMAN_QQQ": "1"}, "`roundsman settings` lists them all"),
        ({"ROUNDSMAN_PORT": "http"}, "setting port: expected `int`"),
        ({"ROUNDSMAN_PORT": "65536"}, "setting port: expected `int` <= 65535"),
        ({"ROUNDSMAN_ACQUIRE_FROM": "later"}, "setting acquire_from"),
    ],
)
def test_wrong_settings_are_refused_with_what_to_write(variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, variables)
    assert sentence in str(caught.value)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the settings file"):
        load(tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_text("port = ")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(tmp_path / "bad.toml")


def test_every_setting_says_why() -> None:
    assert [name for name, _, reason in described() if len(reason) < 10] == []
    assert Settings() == load(None, {})
