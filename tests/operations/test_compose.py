"""compose.yml, the Dockerfile and the lock files say what they should; no engine runs here, so they are read."""

import re

import jsonschema
import pytest
import yaml

from config.environment import ROOT

COMPOSE = yaml.safe_load((ROOT / "compose.yml").read_text())
SERVICES = COMPOSE["services"]
ENV_EXAMPLE = (ROOT / ".env.example").read_text()
COMMANDS = {path.stem for path in (ROOT / "config/management/commands").glob("*.py")}

# The part of the Compose specification that compose.yml uses, written from its reference; nothing else is allowed.
_TEXT_MAP = {"type": "object", "additionalProperties": {"type": ["string"]}}
_DURATION = {"type": "string", "pattern": r"^(\d+(us|ms|s|m|h))+$"}
_LIST = {"type": "array", "items": {"type": "string"}, "minItems": 1}
SCHEMA = {
    "type": "object",
    "required": ["name", "services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "configs": {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["content"],
                "properties": {"content": {"type": "string"}},
            }
        },
        "volumes": {"additionalProperties": {"type": ["null", "object"]}},
        "services": {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image"],
                "properties": {
                    "image": {"type": "string"},
                    "build": {"type": "string"},
                    "pull_policy": {"enum": ["always", "never", "missing", "build"]},
                    "user": {"type": "string"},
                    "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
                    "read_only": {"type": "boolean"},
                    "tmpfs": _LIST,
                    "cap_drop": _LIST,
                    "security_opt": _LIST,
                    "stop_grace_period": _DURATION,
                    "shm_size": {"type": "string", "pattern": r"^\d+(b|k|m|g|kb|mb|gb)$"},
                    "command": _LIST,
                    "environment": _TEXT_MAP,
                    "ports": _LIST,
                    "volumes": _LIST,
                    "configs": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["source", "target"],
                            "properties": {"source": {"type": "string"}, "target": {"type": "string"}},
                        },
                    },
                    "deploy": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"replicas": {"type": ["integer", "string"]}},
                    },
                    "depends_on": {
                        "additionalProperties": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["condition"],
                            "properties": {
                                "condition": {
                                    "enum": [
                                        "service_started",
                                        "service_healthy",
                                        "service_completed_successfully",
                                    ]
                                }
                            },
                        }
                    },
                    "healthcheck": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["test"],
                        "properties": {
                            "test": {
                                "type": "array",
                                "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}],
                                "minItems": 2,
                                "items": {"type": "string"},
                            },
                            "interval": _DURATION,
                            "timeout": _DURATION,
                            "start_period": _DURATION,
                            "retries": {"type": "integer", "minimum": 1},
                        },
                    },
                },
            }
        },
    },
}


# What the image or the place where it runs decides.
OF_THE_IMAGE = {"ROLLCALL_DATA", "PROMETHEUS_MULTIPROC_DIR"}


def documented() -> set[str]:
    return named_in((ROOT / "docs/settings.md").read_text())


def named_in(text: str) -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))


def ours() -> dict[str, dict]:
    return {name: service for name, service in SERVICES.items() if service["image"].startswith("rollcall")}


def variables(text: str) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))


def test_compose_follows_its_schema():
    jsonschema.Draft202012Validator(SCHEMA).validate(COMPOSE)


def test_every_part_is_there_and_what_it_waits_for_exists():
    assert {"postgres", "valkey", "prepare", "web", "worker", "long-worker", "clock"} == set(SERVICES)
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert name in SERVICES
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
        for config in service.get("configs", []):
            assert config["source"] in COMPOSE["configs"]
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
    assert all(
        "healthcheck" in SERVICES[name] for name in ("postgres", "valkey", "web", "worker", "long-worker")
    )


def test_every_process_is_a_command_of_ours():
    commands = [service["command"] for service in ours().values()]
    assert len(commands) == 5
    for command in commands:
        assert command[:2] == ["python", "manage.py"]
        assert command[2] in COMMANDS


def test_every_setting_given_is_documented_and_production_lacks_none():
    for service in ours().values():
        given = set(service["environment"])
        assert given <= documented()
        needed = {
            "ROLLCALL_PUBLIC_URL",
            "ROLLCALL_SECRET_KEY",
            "ROLLCALL_MASTER_KEY",
            "DATABASE_URL",
            "REDIS_URL",
        }
        assert needed <= given
        assert service["environment"]["ROLLCALL_DEBUG"] == "false"


def test_every_setting_written_into_env_reaches_a_process():
    """Compose hands on what compose.yml names, and drops the rest of .env without a word."""
    of_production = (ROOT / "docs/settings.md").read_text().partition("## For tests")[0]
    given = {name for service in ours().values() for name in service["environment"]}
    assert named_in(of_production) - given == OF_THE_IMAGE


def test_the_image_is_built_once_and_asked_of_no_registry():
    assert [name for name, service in SERVICES.items() if "build" in service] == ["prepare"]
    for name, service in ours().items():
        assert service["pull_policy"] == "never"
        assert name == "prepare" or "prepare" in service["depends_on"]


def test_what_holds_secrets_stays_out_of_image_and_repository():
    assert {".env*", "*.dump"} <= set((ROOT / ".dockerignore").read_text().split())
    assert {".env", "*.dump"} <= set((ROOT / ".gitignore").read_text().split())


def test_only_the_preparation_knows_the_owner():
    holders = {
        name for name, service in SERVICES.items() if "DATABASE_OWNER_URL" in service.get("environment", {})
    }
    assert holders == {"prepare"}


def test_a_needed_value_stops_compose_when_missing_and_stands_in_the_example():
    text = (ROOT / "compose.yml").read_text()
    needed = set(re.findall(r"\$\{([A-Z_]+):\?\}", text))
    offered = set(re.findall(r"^([A-Z_]+)=", ENV_EXAMPLE, re.MULTILINE))
    assert needed <= offered
    assert offered <= variables(text)


@pytest.mark.parametrize("service", SERVICES)
def test_images_name_their_version(service):
    name, _, tag = SERVICES[service]["image"].rpartition(":")
    assert name
    assert tag != "latest"


def test_the_dockerfile_parses_and_runs_as_an_ordinary_user():
    joined = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    instructions = [line.split(maxsplit=1)[0] for line in lines]
    assert set(instructions) <= {"FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "CMD"}
    assert instructions[0] == "FROM"
    stages = [line for line in lines if line.startswith("FROM")]
    images = {re.fullmatch(r"FROM (python:3\.\d+-slim-\w+)( AS \w+)?", line)[1] for line in stages}
    assert len(images) == 1
    lines = lines[lines.index(stages[-1]) :]
    assert instructions.index("USER") < instructions.index("CMD")
    assert "--require-hashes" in joined
    (command,) = [line for line in lines if line.startswith("CMD")]
    assert yaml.safe_load(command.removeprefix("CMD "))[:3] == ["python", "manage.py", "serve"]
    for line in lines:
        if line.startswith("COPY") and "--from=" not in line:
            source = line.split()[1]
            assert (ROOT / source).exists()


def test_every_setting_of_the_image_is_documented():
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    ours = set(re.findall(r"\b((?:ROLLCALL|DATABASE|REDIS|PROMETHEUS)_[A-Z_]+)=", text))
    assert ours <= documented()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_lock_files_have_hashes_and_name_no_index(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|--index-url|--extra-index|--find-links|--trusted-host|file://", text)
    pinned = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==", text, re.MULTILINE | re.IGNORECASE)
    assert len(pinned) > 20
    blocks = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
