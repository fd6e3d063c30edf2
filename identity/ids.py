"""Keys of the domain, under the domain's own roof."""

from audit.ids import uuid7

__all__ = ["uuid7"]
