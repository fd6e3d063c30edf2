"""The chapters of the tour, in the order in which they are played."""

from types import ModuleType

from demo.tour.chapters import (
    administrator,
    customer,
    entra_directory,
    first_sign_in,
    for_good,
    okta_directory,
    record,
    return_,
    suspension,
)

CHAPTERS: tuple[ModuleType, ...] = (
    customer,
    okta_directory,
    entra_directory,
    first_sign_in,
    administrator,
    suspension,
    record,
    return_,
    for_good,
)
