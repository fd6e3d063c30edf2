"""Production starts with every value it needs, and with none missing or wrong; each setting is documented."""

import base64
import re
import runpy
import subprocess
import sys

import pytest

from config.environment import ROOT, SettingError

PRODUCTION = {
    "ROLLCALL_PUBLIC_URL": "https://rollcall.example",
    "ROLLCALL_SECRET_KEY": "s" * 50,
    "ROLLCALL_MASTER_KEY": base64.b64encode(b"m" * 32).decode(),
    "DATABASE_URL": "postgresql://app:pa%2Fss@db.example:5433/rollcall?sslmode=require",
    "REDIS_URL": "redis://:secret@broker.example:6379/0",
}


@pytest.fixture
def read(monkeypatch):
    """Give a function that reads the settings from an environment of its own."""

    def read(**values: str) -> dict[str, object]:
        for name in re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/settings.md").read_text()):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "config/settings.py"))

    return read


def test_production_is_strict_by_default(read):
    settings = read(**PRODUCTION)
    assert settings["DEBUG"] is False
    assert settings["ALLOWED_HOSTS"] == ["rollcall.example"]
    assert settings["SESSION_COOKIE_SECURE"] is settings["CSRF_COOKIE_SECURE"] is True
    assert settings["SESSION_COOKIE_NAME"] == "__Host-rollcall_session"
    assert settings["CSRF_COOKIE_NAME"] == "__Host-rollcall_csrf"
    assert settings["SECURE_HSTS_SECONDS"] == 31_536_000
    assert "SECURE_PROXY_SSL_HEADER" not in settings
    assert settings["STORAGES"]["staticfiles"]["BACKEND"].endswith("CompressedManifestStaticFilesStorage")
    assert list(settings["DATABASES"]) == ["default"]
    database = settings["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["USER"]) == ("db.example", "5433", "app")
    assert database["PASSWORD"] == "pa/ss"
    assert database["OPTIONS"]["sslmode"] == "require"


def test_a_database_may_be_several_hosts_or_a_socket(read):
    several = (
        "postgresql://app:p%25@one.example:5432,two.example:5433/rollcall?target_session_attrs=read-write"
    )
    database = read(**{**PRODUCTION, "DATABASE_URL": several})["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"]) == ("one.example,two.example", "5432,5433")
    assert database["PASSWORD"] == "p%"
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"
    local = "postgresql://app@/rollcall?host=/run/postgresql"
    database = read(**{**PRODUCTION, "DATABASE_URL": local})["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"]) == ("/run/postgresql", "5432")


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://app:pa%ss@db.example/rollcall",
        "postgresql://app:pass@db.example:54x2/rollcall",
        "postgresql://app:pass@db.example/rollcall?sslmod=require",
        "postgresql://app:pass@db.example",
        "host=db.example user=app dbname=rollcall password=pass",
    ],
)
def test_what_is_no_address_of_a_database_is_refused_without_the_password(read, wrong):
    with pytest.raises(SettingError, match=r"^DATABASE_URL ") as refused:
        read(**{**PRODUCTION, "DATABASE_URL": wrong})
    assert "pass" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize("missing", sorted(PRODUCTION))
def test_a_missing_value_stops_the_start_and_names_itself(read, missing):
    with pytest.raises(SettingError, match=f"^{missing} is not set"):
        read(**{**PRODUCTION, missing: ""})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ROLLCALL_PUBLIC_URL", "http://rollcall.example"),
        ("ROLLCALL_SECRET_KEY", "short"),
        ("ROLLCALL_MASTER_KEY", "bm90IDMyIGJ5dGVz"),
        ("ROLLCALL_MASTER_KEYS_OLD", "nonsense"),
        ("DATABASE_URL", "postgresql://db.example"),
        ("DATABASE_OWNER_URL", "mysql://db.example/rollcall"),
        ("REDIS_URL", "http://broker.example"),
        ("ROLLCALL_DEBUG", "1"),
        ("ROLLCALL_TRUSTED_PROXIES", "all"),
        ("ROLLCALL_OPERATOR_TOKEN", "short"),
        ("ROLLCALL_HSTS_SECONDS", "-1"),
        ("ROLLCALL_METRICS_NETWORKS", "everybody"),
        ("ROLLCALL_LOG_FORMAT", "xml"),
        ("EMAIL_URL", "pigeon://"),
    ],
)
def test_a_wrong_value_stops_the_start_and_names_itself(read, name, wrong):
    with pytest.raises(SettingError, match=f"^{name} "):
        read(**{**PRODUCTION, name: wrong})


def test_an_operator_needs_a_password(read):
    with pytest.raises(SettingError, match=r"^ROLLCALL_OPERATOR_PASSWORD is not set"):
        read(**PRODUCTION, ROLLCALL_OPERATOR_EMAIL="opal@rollcall.example")


def test_proxies_are_believed_only_when_counted(read):
    assert read(**PRODUCTION, ROLLCALL_TRUSTED_PROXIES="1")["SECURE_PROXY_SSL_HEADER"] == (
        "HTTP_X_FORWARDED_PROTO",
        "https",
    )


@pytest.mark.parametrize("command", ["serve", "work", "clock", "prepare_database"])
def test_a_process_of_production_never_turns_into_a_developers_machine(command):
    result = subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env={}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr == "Rollcall does not start: ROLLCALL_PUBLIC_URL is not set.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "0"], "--port must be a whole number from 1 to 65535, not '0'."),
        (["--port", "65536"], "--port must be a whole number from 1 to 65535, not '65536'."),
        (["--port=http"], "--port must be a whole number from 1 to 65535, not 'http'."),
        (["--data", "manage.py"], f"{ROOT}/manage.py is no directory that data can be kept in: File exists."),
    ],
)
def test_an_option_of_up_that_cannot_be_is_named(options, said):
    result = subprocess.run(
        [sys.executable, "manage.py", "up", *options],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (1, f"Rollcall does not start: {said}\n")


def test_every_setting_is_documented_and_every_documented_one_exists(read):
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    known = read(**PRODUCTION)["env"].names
    assert documented - {"ROLLCALL_BROWSER_TESTS", "ROLLCALL_LDAP_TESTS"} == known


def test_no_other_module_reads_settings_from_the_environment():
    readers = {
        str(path.relative_to(ROOT))
        for floor in ("audit", "identity", "scim", "saml", "console", "tasks", "config")
        for path in (ROOT / floor).rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    }
    assert readers == {
        "config/as_code/references.py",  # follows the references of an operator's file, which are no settings
        "config/environment.py",
        "config/local.py",
        "config/management/commands/serve.py",
        "config/management/commands/up.py",
        "config/metrics.py",
        "config/settings.py",
        "config/wsgi.py",
        "tasks/celery.py",
    }
