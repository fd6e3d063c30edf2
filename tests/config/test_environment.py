"""Typed readers: a right value is read, a wrong one names its setting."""

import base64

import pytest

from config.environment import FILE_BYTES_MAX, Environment, SettingError

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (lambda env: env.flag("X", default=False), "true", True),
        (lambda env: env.flag("X", default=True), "", True),
        (lambda env: env.integer("X", 1, least=0, most=9), "7", 7),
        (lambda env: env.listing("X"), "a, b,,c ", ["a", "b", "c"]),
        (lambda env: env.listing("X", ("d",)), "", ["d"]),
        (lambda env: env.key("X"), KEY, b"k" * 32),
        (lambda env: env.keys("X"), f"{KEY},{KEY}", [b"k" * 32] * 2),
        (lambda env: env.url("X", ("redis",)).hostname, "redis://:p@h:1/0", "h"),
        (
            lambda env: env.public_url("X", None, https=True).netloc,
            "https://a.example:8443/",
            "a.example:8443",
        ),
        (lambda env: env.addresses("X", port=53), "10.0.0.1", [("10.0.0.1", 53)]),
        (
            lambda env: env.addresses("X", port=53),
            "10.0.0.1:5353, [fd00::1]:5353,fd00::2",
            [("10.0.0.1", 5353), ("fd00::1", 5353), ("fd00::2", 53)],
        ),
        (lambda env: [str(n) for n in env.networks("X", ())], "10.0.0.0/8,::1", ["10.0.0.0/8", "::1/128"]),
        (lambda env: env.secret("X"), "s" * 32, "s" * 32),
        (lambda env: env.mailbox("X", ""), "ada@a.example", "ada@a.example"),
        (lambda env: env.mailbox("X", ""), "", ""),
        (lambda env: env.mailbox("X", "", named=True), '"Roll, Call" <r@a>', '"Roll, Call" <r@a>'),
    ],
)
def test_right_values_are_read(reader, value, expected):
    assert reader(Environment({"X": value})) == expected


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (lambda env: env.text("X"), ""),
        (lambda env: env.flag("X", default=False), "yes"),
        (lambda env: env.integer("X", 1, least=0, most=9), "10"),
        (lambda env: env.integer("X", 1, least=0, most=9), "-1"),
        (lambda env: env.integer("X", 1, least=0, most=9), "²"),
        (lambda env: env.key("X"), "short"),
        (lambda env: env.key("X"), KEY[:-4]),
        (lambda env: env.keys("X"), f"{KEY},nonsense"),
        (lambda env: env.url("X", ("redis", "rediss")), "http://h"),
        (lambda env: env.url("X", ("redis",)), "redis://h:99999"),
        (lambda env: env.url("X", ("redis",)), "redis://"),
        (lambda env: env.public_url("X", None, https=True), "http://a.example"),
        (lambda env: env.public_url("X", None, https=False), "http://a.example/path"),
        (lambda env: env.public_url("X", None, https=False), "http://user@a.example"),
        (lambda env: env.addresses("X", port=53), "dns.example"),
        (lambda env: env.addresses("X", port=53), "10.0.0.1:99999"),
        (lambda env: env.networks("X", ()), "10.0.0.1/8"),
        (lambda env: env.secret("X"), "too short"),
        (lambda env: env.mailbox("X", ""), "nonsense"),
        (lambda env: env.mailbox("X", ""), "Ada <ada@a.example>"),
        (lambda env: env.mailbox("X", "", named=True), "Ada ada@"),
        (lambda env: env.mailbox("X", "", named=True), "Roll, Call <r@a>"),
        (lambda env: env.mailbox("X", "", named=True), "Ada <ada@a b>"),
        (lambda env: env.choice("X", ("a", "b"), "a"), "c"),
    ],
)
def test_a_wrong_value_names_its_setting(reader, value):
    with pytest.raises(SettingError, match=r"^X "):
        reader(Environment({"X": value}))


def test_a_refused_address_is_not_repeated():
    with pytest.raises(SettingError) as refused:
        Environment({"X": "mysql://me:hunter2@h"}).url("X", ("postgresql",))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("content", ["s" * 32, f"  {'s' * 32}\r\n\n"])
def test_a_secret_may_stand_in_a_file(tmp_path, content):
    (tmp_path / "key").write_text(content)
    env = Environment({"ROLLCALL_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert env.given("ROLLCALL_SECRET_KEY")
    assert env.secret("ROLLCALL_SECRET_KEY") == "s" * 32
    assert env.names == {"ROLLCALL_SECRET_KEY"}


def test_old_keys_in_a_file_are_a_list(tmp_path):
    (tmp_path / "keys").write_text(f"{KEY},\n{KEY}\n")
    env = Environment({"ROLLCALL_MASTER_KEYS_OLD_FILE": str(tmp_path / "keys")})
    assert env.keys("ROLLCALL_MASTER_KEYS_OLD") == [b"k" * 32] * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"a\0b", "holds a NUL"),
        (b"a" * (FILE_BYTES_MAX + 1), "longer than"),
    ],
)
def test_a_file_that_says_nothing_stops_the_start(tmp_path, content, said):
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError, match=f"^REDIS_URL_FILE .*{said}") as refused:
        Environment({"REDIS_URL_FILE": str(file)}).text("REDIS_URL", "redis://default")
    assert str(file) not in str(refused.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SettingError, match="Is a directory"):
        Environment({"REDIS_URL_FILE": str(tmp_path)}).text("REDIS_URL")


def test_a_value_and_a_file_together_are_refused(tmp_path):
    (tmp_path / "url").write_text("redis://a")
    both = {"REDIS_URL": "redis://b", "REDIS_URL_FILE": str(tmp_path / "url")}
    with pytest.raises(SettingError, match="give one of them"):
        Environment(both).text("REDIS_URL")
    assert Environment({**both, "REDIS_URL": ""}).text("REDIS_URL") == "redis://a", (
        "an empty one counts as missing"
    )


def test_what_is_no_secret_stands_in_no_file(tmp_path):
    (tmp_path / "level").write_text("DEBUG")
    assert not Environment({"ROLLCALL_LOG_LEVEL_FILE": str(tmp_path / "level")}).given("ROLLCALL_LOG_LEVEL")
