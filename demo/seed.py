"""The demonstration's data: two customers with their people, resources, directories and SAML connections.

Everything is made by the verbs that everybody uses. `seed` may run at every start: it adds what is missing and leaves
alone what somebody has changed since.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.record import Actor
from config.embedded.state import write_private
from demo import address
from demo.cast import CUSTOMERS, Customer, Person
from demo.identity_provider.realm import Realm, load_keys
from demo.idp_keys import KeyPair
from identity import directories, domains, groups, members, organizations, resources, roles, tenancy, tokens
from identity.models import Directory, Domain, Group, Member, Organization
from identity.profile import key_of
from saml import connections, trust
from saml.models import Connection

ACTOR = Actor("job", "demonstration", "the demonstration")
CONNECTION = "Demonstration identity provider"


@dataclass(frozen=True, slots=True)
class Seeded:
    """One customer as it was seeded: where its people sign in, and the token of its SCIM directory."""

    name: str
    administrator: str
    login_url: str
    entity_id: str
    scim_token: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The addresses of the demonstration, by slug of the customer; kept in `demo.json` of the data directory."""

    server: str
    identity_provider: str
    organizations: dict[str, Seeded]


def seed() -> Demonstration:
    """Make what is missing of the demonstration, write its addresses to `demo.json`, and return them."""
    data: Path = settings.ROLLCALL_DATA
    port = address.choose_port(data, settings.ROLLCALL_PUBLIC_URL)
    keys = load_keys(address.directory(data))
    known = read(data)
    seeded = {
        customer.slug: _seed(customer, address.base(port), keys, known.get(customer.slug))
        for customer in CUSTOMERS
    }
    demonstration = Demonstration(settings.ROLLCALL_PUBLIC_URL, address.base(port), seeded)
    write_private(data / address.FILE, json.dumps(asdict(demonstration), indent=2))
    return demonstration


def read(data: Path) -> dict[str, Seeded]:
    """Return what `demo.json` tells of the customers; empty before the first time."""
    path = data / address.FILE
    found = json.loads(path.read_text())["organizations"] if path.exists() else {}
    return {slug: Seeded(**values) for slug, values in found.items()}


def _seed(customer: Customer, idp: str, keys: KeyPair, known: Seeded | None) -> Seeded:
    organization = _organization(customer)
    _domain(organization, customer)
    directory = _directory(organization, customer)
    for person in customer.people:
        if person.seeded:
            _person(organization, directory, customer, person)
    _groups(organization, directory, customer)
    connection = _connection(organization, customer, Realm(idp, customer.slug, keys))
    # A secret is shown once: without the file there is nothing to read it from, and a new one is issued.
    secret = known.scim_token if known else tokens.issue(directory, actor=ACTOR, name="demonstration")[1]
    where = trust.addresses(connection.pk)
    return Seeded(
        name=customer.name,
        administrator=next(person.email for person in customer.people if person.role),
        login_url=where["login_url"],
        entity_id=where["entity_id"],
        scim_token=secret,
    )


def _organization(customer: Customer) -> Organization:
    with tenancy.everywhere("the demonstration's organizations"):
        found = Organization.objects.filter(slug=customer.slug).first()
    organization = found or organizations.create(
        name=customer.name, slug=customer.slug, access_model=customer.access_model, actor=ACTOR
    )
    rows = [
        {"kind": kind, "id": key, "name": name, "parent": parent or None}
        for kind, key, name, parent in customer.resources
    ]
    if found is None:
        resources.register(organization, rows, actor=ACTOR)
    return organization


def _domain(organization: Organization, customer: Customer) -> None:
    with tenancy.of(organization):
        found = Domain.objects.filter(organization=organization, name=customer.domain).first()
    domains.confirm(found or domains.claim(organization, customer.domain, actor=ACTOR), actor=ACTOR)


def _directory(organization: Organization, customer: Customer) -> Directory:
    with tenancy.of(organization):
        found = Directory.objects.filter(organization=organization, name=customer.directory).first()
    return found or directories.create(
        organization,
        name=customer.directory,
        idp=customer.idp,
        defaults=_defaults(customer),
        actor=ACTOR,
    )


def _person(organization: Organization, directory: Directory, customer: Customer, person: Person) -> None:
    """Bring the person in as the directory would have; somebody who was here before is left as they are."""
    with tenancy.of(organization):
        if Member.objects.filter(organization=organization, user_name_key=key_of(person.email)).exists():
            return
    profile = {
        "name": {"givenName": person.given, "familyName": person.family, "formatted": person.name},
        "displayName": person.name,
        "title": person.title,
        "emails": [{"value": person.email, "type": "work", "primary": True}],
    }
    member = members.provision(
        organization,
        actor=Actor("directory", str(directory.pk), directory.name),
        user_name=person.email,
        profile=profile,
        directory=directory,
        external_id=f"{customer.idp}-{person.email.partition('@')[0]}",
    ).member
    if person.role:
        roles.replace(member, [person.role], actor=ACTOR)


def _groups(organization: Organization, directory: Directory, customer: Customer) -> None:
    with tenancy.of(organization):
        here = {group.display_name for group in Group.objects.filter(organization=organization)}
        ids = {
            member.user_name.partition("@")[0]: str(member.pk)
            for member in Member.objects.filter(organization=organization)
        }
    for name, people in customer.groups.items():
        if name not in here:
            groups.create(
                organization,
                actor=Actor("directory", str(directory.pk), directory.name),
                display_name=name,
                directory=directory,
                external_id=f"{customer.idp}-{key_of(name).replace(' ', '-')}",
                members=[ids[person] for person in people],
            )


def _connection(organization: Organization, customer: Customer, realm: Realm) -> Connection:
    """Make the connection, or tell it where the identity provider is by now if its port had to change."""
    with tenancy.of(organization):
        found = Connection.objects.filter(organization=organization, name=CONNECTION).first()
    if found is None:
        return connections.create(
            organization,
            actor=ACTOR,
            name=CONNECTION,
            idp_metadata_xml=realm.metadata,
            allow_idp_initiated=True,
            encryption="optional",
            defaults=_defaults(customer),
            active=True,
            activate_untested=True,
        )
    if found.idp_entity_id == realm.idp.entity_id:
        return found
    return connections.change(found, actor=ACTOR, idp_metadata_xml=realm.metadata)


def _defaults(customer: Customer) -> dict[str, Any]:
    return {
        "grants": [
            {"kind": kind, "id": key, "permission": permission} for kind, key, permission in customer.defaults
        ],
        "roles": ["member"],
    }
