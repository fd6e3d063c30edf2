"""What there is, in the words of the file. Nothing secret is among it: tokens and keys are made here and stay here."""

from functools import cache
from typing import Any

from config.as_code import references, shapes
from config.as_code.directory_shapes import PushedInFile
from identity import directories, mappings, pulls, tenancy
from identity.api.organizations import ChangedOrganization
from identity.api.shapes import Strict
from identity.mappings import Mapping
from identity.models import Directory, Group, Kind, Organization, Role
from identity.organizations import PRESETS
from saml import trust
from saml.models import Connection

# Read anew from where they come, by an address beside them; an address that was loaded stands for what it brought.
_LOADED = ("idp_metadata_xml",)
_SWITCH = "activate_untested"


def document(organizations: list[Organization]) -> dict[str, Any]:
    """Return the file that says exactly what these organizations are."""
    return {"version": shapes.VERSION, "organizations": [organization(one) for one in organizations]}


def organization(one: Organization) -> dict[str, Any]:
    """Return the organization with everything in it that a file can say."""
    with tenancy.of(one):
        one = Organization.objects.get(pk=one.pk)
        mine = {"organization": one}
        return {
            **itself(one),
            "kinds": [kind(row) for row in _own_kinds(one)],
            "roles": [role(row) for row in Role.objects.filter(**mine, built_in=False).order_by("name")],
            "directories": [directory(row) for row in Directory.objects.filter(**mine).order_by("name")],
            "connections": [connection(row) for row in Connection.objects.filter(**mine).order_by("name")],
            "mappings": _mappings(one),
        }


def itself(one: Organization) -> dict[str, Any]:
    """Return the organization without what is in it."""
    return {"slug": one.slug, "access_model": one.access_model, "state": one.state, **plain(one)}


def plain(one: Organization) -> dict[str, Any]:
    """Return the fields of the organization itself."""
    return {name: getattr(one, name) for name in _names(ChangedOrganization)}


def kind(row: Kind) -> dict[str, Any]:
    """Return a kind of resources."""
    return {
        "name": row.name,
        "parent": row.parent.name if row.parent else None,
        "permissions": row.permissions,
    }


def role(row: Role) -> dict[str, Any]:
    """Return a role."""
    return {"name": row.name, "label": row.label, "capabilities": row.capabilities}


def directory(row: Directory) -> dict[str, Any]:
    """Return a directory. Secrets are told by their references; those that no file brought are not told at all."""
    if row.kind in directories.KINDS:
        return {name: getattr(row, name) for name in _names(PushedInFile)}
    pull = pulls.of(row)
    plain_ones = {name: getattr(row, name) for name in ("kind", "name", "active", "defaults", "settings")}
    known = {} if pull.references is None else {"credentials": references.written(pull.references)}
    schedule = {"schedule": {"every_minutes": pull.every_minutes}, "paused": pull.paused_at is not None}
    return plain_ones | known | schedule


def connection(row: Connection) -> dict[str, Any]:
    """Return a connection, its identity provider by the values that hold now."""
    left_out = {*_LOADED, _SWITCH, "certificates"}
    names = [name for name in _names(shapes.ConnectionInFile) if name not in left_out]
    found: dict[str, Any] = {name: getattr(row, name) for name in names}
    found["sha1_until"] = row.sha1_until.isoformat() if row.sha1_until else None
    found["certificates"] = [certificate.pem for certificate in trust.current(row)]
    if row.active:
        # Who writes it out has decided; a server that reads it has seen no test sign-in.
        found[_SWITCH] = True
    return found


def mapping(group: Group, brought: Mapping) -> dict[str, Any]:
    """Return what a group brings."""
    return {
        "group": group.display_name,
        "directory": group.directory.name if group.directory else None,
        "grants": [
            {"kind": spec.kind, "id": spec.key, "permission": spec.permission} for spec in brought.grants
        ],
        "roles": list(brought.roles),
    }


@cache
def _names(shape: type[Strict]) -> tuple[str, ...]:
    """Return the names of the fields: making a shape takes a millisecond, and there may be very many of what it shows."""
    return tuple(str(name) for name in shape().fields)


def _own_kinds(one: Organization) -> list[Kind]:
    """Return the kinds beyond those that the access model brings, parents before children."""
    preset = {name for name, _, _ in PRESETS[one.access_model]}
    rows = {row.name: row for row in Kind.objects.filter(organization=one).select_related("parent")}

    def depth(row: Kind) -> int:
        return 0 if row.parent is None else 1 + depth(rows[row.parent.name])

    own = [row for name, row in rows.items() if name not in preset]
    return sorted(own, key=lambda row: (depth(row), row.name))


def _mappings(one: Organization) -> list[dict[str, Any]]:
    """Return what the groups bring, of however many groups by three statements."""
    brought = mappings.of_organization(one.pk)
    rows = Group.objects.filter(organization=one, ended_at__isnull=True, pk__among=list(brought))
    in_order = rows.select_related("directory").order_by("directory__name", "display_name_key")
    return [mapping(group, brought[group.pk]) for group in in_order]
