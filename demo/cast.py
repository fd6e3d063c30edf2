"""The demonstration's two customers and their people: what `demo.seed` registers and the development IdP offers to sign in as."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a customer. `attributes` is what their identity provider asserts of them at sign-in.

    `seeded` people came by SCIM before; the others come at their first sign-in. `role` is one that Rollcall's
    seed gives, and not the identity provider.
    """

    given: str
    family: str
    email: str
    title: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    seeded: bool = True
    role: str = ""

    @property
    def name(self) -> str:
        """The name as people say it."""
        return f"{self.given} {self.family}"

    @property
    def asserted(self) -> dict[str, list[str]]:
        """Everything that the identity provider says of them, names and e-mail included."""
        names = {"email": [self.email], "givenName": [self.given], "surname": [self.family]}
        return names | {"displayName": [self.name]} | self.attributes


@dataclass(frozen=True, slots=True)
class Customer:
    """An organization of the demonstration. Resources are rows of (kind, id, name, id of the parent)."""

    name: str
    slug: str
    story: str
    access_model: str
    domain: str
    directory: str
    idp: str
    resources: tuple[tuple[str, str, str, str], ...]
    defaults: tuple[tuple[str, str, str], ...]
    groups: dict[str, tuple[str, ...]]
    people: tuple[Person, ...]


MERIDIAN = Customer(
    name="Meridian Property",
    slug="meridian",
    story="a manager of office buildings: access is given on portfolios and on single assets",
    access_model="portfolio_asset",
    domain="meridian.example",
    directory="Okta",
    idp="okta",
    resources=(
        ("portfolio", "nordics", "Nordic offices", ""),
        ("asset", "oslo-tower", "Oslo Tower", "nordics"),
        ("asset", "aarhus-docks", "Aarhus Docks", "nordics"),
        ("portfolio", "iberia", "Iberian offices", ""),
        ("asset", "porto-mill", "Porto Mill", "iberia"),
        ("asset", "sevilla-court", "Sevilla Court", "iberia"),
    ),
    defaults=(("portfolio", "nordics", "view"),),
    groups={"Asset managers": ("ingrid", "tomas"), "Everybody": ("maren", "ingrid", "tomas", "lucia")},
    people=(
        Person("Maren", "Holt", "maren@meridian.example", "Head of IT", role="organization_admin"),
        Person(
            "Ingrid",
            "Solberg",
            "ingrid@meridian.example",
            "Asset manager",
            {"permissions:portfolio": ["nordics:edit"], "permissions:asset": ["porto-mill:view"]},
        ),
        Person(
            "Tomás",
            "Rey",
            "tomas@meridian.example",
            "Analyst",
            {"permissions:asset": ["sevilla-court:edit", "atlantis:view"]},
        ),
        Person("Lucia", "Prado", "lucia@meridian.example", "Lawyer"),
        Person(
            "Yusuf",
            "Demir",
            "yusuf@meridian.example",
            "Auditor, not yet known to Rollcall",
            {"permissions:portfolio": ["iberia:view"], "roles": ["auditor"]},
            seeded=False,
        ),
    ),
)

HARBOUR = Customer(
    name="Harbour & Pine",
    slug="harbour-pine",
    story="a group of shops: access is given on companies, shops and their countries",
    access_model="company_shop",
    domain="harbour-pine.example",
    directory="Entra ID",
    idp="entra",
    resources=(
        ("company", "pine-home", "Pine Home", ""),
        ("shop", "pine-store", "Pine Store", "pine-home"),
        ("shop_country", "pine-store-de", "Pine Store Germany", "pine-store"),
        ("shop_country", "pine-store-fr", "Pine Store France", "pine-store"),
        ("company", "harbour-sport", "Harbour Sport", ""),
        ("shop", "harbour-outlet", "Harbour Outlet", "harbour-sport"),
        ("shop_country", "harbour-outlet-se", "Harbour Outlet Sweden", "harbour-outlet"),
    ),
    defaults=(("shop", "harbour-outlet", "access"),),
    groups={"Shop leads": ("amara", "jonas"), "Head office": ("amara",)},
    people=(
        Person(
            "Amara",
            "Okafor",
            "amara@harbour-pine.example",
            "Operations director",
            role="organization_admin",
        ),
        Person(
            "Jonas",
            "Lindqvist",
            "jonas@harbour-pine.example",
            "Shop lead",
            {"shops": ["pine-store"], "shopCountries": ["harbour-outlet-se"]},
        ),
        Person("Chloé", "Martin", "chloe@harbour-pine.example", "Buyer", {"companies": ["pine-home"]}),
        Person(
            "Sanna",
            "Virtanen",
            "sanna@harbour-pine.example",
            "Seasonal help, not yet known to Rollcall",
            {"shopCountries": ["pine-store-fr"], "roles": ["member"]},
            seeded=False,
        ),
    ),
)

CUSTOMERS = (MERIDIAN, HARBOUR)


def customer(slug: str) -> Customer | None:
    """Return the customer of that slug, or None."""
    return next((found for found in CUSTOMERS if found.slug == slug), None)
