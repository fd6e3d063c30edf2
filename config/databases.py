"""How Django is told of a database: its address, and what each connection keeps to."""

from urllib.parse import parse_qs

from config.environment import Environment, SettingError, credentials


def read(env: Environment, name: str, default: str | None) -> dict[str, object]:
    """Read the address of a database, as postgresql://user:password@host:5432/rollcall. Raises SettingError."""
    parts = env.url(name, ("postgres", "postgresql"), default)
    user, password = credentials(parts)
    database = parts.path.lstrip("/")
    if not database or not user:
        raise SettingError(
            name, "must name user and database, as postgresql://user:password@host:5432/rollcall."
        )
    return {
        "ENGINE": "identity.postgresql",
        "HOST": parts.hostname,
        "PORT": parts.port or 5432,
        "NAME": database,
        "USER": user,
        "PASSWORD": password,
        # Kept for the life of the thread. A psycopg pool was measured as fast (docs/operations.md), and is one more part.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            # A statement is prepared by the server from its fifth use on: planning it anew each time took a quarter of a creation.
            "server_side_binding": True,
            "prepare_threshold": 5,
            **{key: values[-1] for key, values in parse_qs(parts.query).items()},
        },
    }
