"""`…__among=[…]`: like `…__in`, by one parameter, however many there are. PostgreSQL takes 65,535 of them, and a group has more people."""

from typing import Any

from django.db.models import Field, ForeignObject, Lookup


@ForeignObject.register_lookup  # which inherits no lookups
@Field.register_lookup
class Among(Lookup):
    """The column is one of the values, which come as a list."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        """Return the comparison with an array."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY (%s)", [*parameters, list(self.rhs)]
