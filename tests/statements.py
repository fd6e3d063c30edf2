"""Which statements go to the database while something is done."""

from typing import Any, Self

from django.db import connections


class Statements:
    """Keeps them from `with` to its end: as text, and in `sent` with their parameters."""

    def __enter__(self) -> Self:
        self.statements: list[str] = []
        self.sent: list[tuple[str, Any]] = []
        self._wrapping = connections["default"].execute_wrapper(self._note)
        self._wrapping.__enter__()
        return self

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        self.statements.append(sql)
        self.sent.append((sql, params))
        return execute(sql, params, many, context)

    def __exit__(self, *error: object) -> None:
        self._wrapping.__exit__(*error)
