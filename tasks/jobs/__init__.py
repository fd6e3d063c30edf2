"""The jobs, one noun a file. Each finds what is due, and has a verb do it; it may run twice, late, or beside itself."""

from tasks.jobs import (
    bundles,
    connections,
    credentials,
    deletions,
    directories,
    domains,
    leavers,
    mail,
    record,
    reviews,
    scim,
    sign_ins,
    statistics,
)

__all__ = [
    "bundles",
    "connections",
    "credentials",
    "deletions",
    "directories",
    "domains",
    "leavers",
    "mail",
    "record",
    "reviews",
    "scim",
    "sign_ins",
    "statistics",
]
