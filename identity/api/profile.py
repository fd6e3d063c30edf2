"""A member's descriptive attributes as the API takes them: names and shapes of RFC 7643, section 4.1."""

# ruff: noqa: N815 - the names are the RFC's

from typing import Any, Final

from rest_framework import serializers

from identity.api.shapes import Flag, Mailbox, Strict, Text, several

ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_VALUES_MAX: Final = 50
_SHORT: Final = 256
_LONG: Final = 1024


class Name(Strict):
    """The parts of a name."""

    formatted = Text(required=False, max_length=_SHORT)
    familyName = Text(required=False, max_length=_SHORT)
    givenName = Text(required=False, max_length=_SHORT)
    middleName = Text(required=False, max_length=_SHORT)
    honorificPrefix = Text(required=False, max_length=_SHORT)
    honorificSuffix = Text(required=False, max_length=_SHORT)


class Contact(Strict):
    """A telephone number, a photo …: one of several."""

    value = Text(max_length=_LONG)
    display = Text(required=False, max_length=_SHORT)
    type = Text(required=False, max_length=_SHORT)
    primary = Flag(required=False)


class Email(Contact):
    """An e-mail address."""

    value = Mailbox(max_length=254)


class Address(Strict):
    """A postal address."""

    formatted = Text(required=False, max_length=_LONG)
    streetAddress = Text(required=False, max_length=_LONG)
    locality = Text(required=False, max_length=_SHORT)
    region = Text(required=False, max_length=_SHORT)
    postalCode = Text(required=False, max_length=_SHORT)
    country = Text(required=False, max_length=_SHORT)
    type = Text(required=False, max_length=_SHORT)
    primary = Flag(required=False)


class Leader(Strict):
    """Somebody's manager."""

    value = Text(required=False, max_length=_SHORT)
    displayName = Text(required=False, max_length=_SHORT)


class Enterprise(Strict):
    """The attributes of RFC 7643, section 4.3."""

    employeeNumber = Text(required=False, max_length=_SHORT)
    costCenter = Text(required=False, max_length=_SHORT)
    organization = Text(required=False, max_length=_SHORT)
    division = Text(required=False, max_length=_SHORT)
    department = Text(required=False, max_length=_SHORT)
    manager = Leader(required=False)

    def bind(self, field_name: str, parent: Any) -> None:
        """Keep the URN whole: DRF takes the full stop in it for a path."""
        super().bind(field_name, parent)
        self.source_attrs = [field_name]


class Profile(Strict):
    """The whole profile."""

    name = Name(required=False)
    displayName = Text(required=False, max_length=_SHORT)
    nickName = Text(required=False, max_length=_SHORT)
    profileUrl = Text(required=False, max_length=_LONG)
    title = Text(required=False, max_length=_SHORT)
    userType = Text(required=False, max_length=_SHORT)
    preferredLanguage = Text(required=False, max_length=_SHORT)
    locale = Text(required=False, max_length=_SHORT)
    timezone = Text(required=False, max_length=_SHORT)
    emails = several(Email, most=_VALUES_MAX, required=False)
    phoneNumbers = several(Contact, most=_VALUES_MAX, required=False)
    ims = several(Contact, most=_VALUES_MAX, required=False)
    photos = several(Contact, most=_VALUES_MAX, required=False)
    addresses = several(Address, most=_VALUES_MAX, required=False)

    def get_fields(self) -> dict[str, Any]:
        """Add the extension, whose name is no Python name."""
        return {**super().get_fields(), ENTERPRISE: Enterprise(required=False)}

    def validate(self, attrs: Any) -> Any:
        """Refuse two primary values of one attribute (RFC 7643, 2.4)."""
        for name, values in attrs.items():
            if isinstance(values, list) and sum(bool(item.get("primary")) for item in values) > 1:
                raise serializers.ValidationError({name: ["Only one of them can be primary."]})
        return attrs
