"""What a file of organizations may say: the shapes of the REST API, put together, so that both check alike."""

from collections import Counter
from typing import Any

from rest_framework import serializers

from config.as_code.directory_shapes import DirectoryInFile
from identity import mappings
from identity.api.access_shapes import Grant
from identity.api.organizations import ChangedOrganization
from identity.api.resources import NewKind
from identity.api.roles import NewRole
from identity.api.shapes import Strict, Text, several
from identity.models import Organization
from saml.api import ConnectionFields

VERSION = 1
_MOST = 1000
# What very many organizations, or one of very many directories or groups, are exported as can be read again.
_EXPORTED_MAX = 20_000


class ConnectionInFile(ConnectionFields):
    """A connection; our own keys are made with it and never written out."""

    name = Text(max_length=1024)


class MappingInFile(Strict):
    """What a group brings; `directory` is the name of the one it comes from, null for a group of the organization's own."""

    group = Text(max_length=256)
    directory = Text(max_length=200, required=False, allow_null=True)
    grants = several(Grant, most=mappings.GRANTS_MAX, required=False)
    roles = serializers.ListField(child=Text(max_length=63), required=False, max_length=mappings.ROLES_MAX)


class OrganizationInFile(ChangedOrganization):
    """One organization. What is not named here is left as it is; nothing is ever taken away but by saying so."""

    slug = Text(max_length=63)
    access_model = serializers.ChoiceField(choices=Organization.AccessModel.choices, required=False)
    state = serializers.ChoiceField(choices=Organization.State.choices, required=False)
    kinds = several(NewKind, most=_MOST, required=False)
    roles = several(NewRole, most=_MOST, required=False)
    directories = several(DirectoryInFile, most=_EXPORTED_MAX, required=False)
    connections = several(ConnectionInFile, most=_MOST, required=False)
    mappings = several(MappingInFile, most=_EXPORTED_MAX, required=False)


class Document(Strict):
    """A file."""

    version = serializers.ChoiceField(choices=(VERSION,))
    organizations = several(OrganizationInFile, most=_EXPORTED_MAX)

    def validate(self, attrs: Any) -> Any:
        """Refuse to hear of one organization twice."""
        slugs = Counter(organization["slug"] for organization in attrs["organizations"])
        twice = sorted(slug for slug, times in slugs.items() if times > 1)
        if twice:
            raise serializers.ValidationError({"organizations": [f"{twice[0]} stands here twice."]})
        return attrs
