"""The pages of the development identity provider: plain HTML, every value escaped, usable without scripts."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from demo.cast import CUSTOMERS, Customer, Person
from demo.identity_provider.realm import Realm

LISTS = ("permissions:portfolio", "permissions:asset", "companies", "shops", "shopCountries", "roles")
FORMATS = {
    "emailAddress": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "transient": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
}
SIGNED = ("assertion", "response", "both")

STYLE = Path(__file__).with_name("style.css").read_text()
SCRIPT = "document.forms[0].submit();\n"


def page(title: str, body: str, *, script: bool = False) -> str:
    """Return a whole page; `title` is escaped here, `body` is HTML."""
    submit = '<script src="/submit.js" defer></script>' if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css">{submit}</head><body>'
        f'<header><h1>{escape(title)}</h1><p class="note">A development identity provider: it signs in anybody as anybody.'
        f"</p></header>{body}</body></html>"
    )


def front() -> str:
    """Return the list of realms."""
    lines = "".join(
        f'<li><a href="/{escape(known.slug)}/">{escape(known.name)}</a>: {escape(known.story)}</li>'
        for known in CUSTOMERS
    )
    return page("Identity providers of the demonstration", f"<ul>{lines}</ul>")


def home(realm: Realm, customer: Customer | None, service: str) -> str:
    """Return a realm's own page: begin a sign-in here (IdP-initiated), end one, read the metadata."""
    name = customer.name if customer else realm.slug
    ask = _field("Entity ID of the service", "service", service)
    return page(
        f"Identity provider of {name}",
        f'<p>Metadata: <a href="/{realm.slug}/metadata"><code>{escape(realm.idp.entity_id)}</code></a></p>'
        "<h2>Sign in from here</h2>"
        f'<form method="get" action="/{realm.slug}/start">{ask}<button>Choose a person</button></form>'
        "<h2>Sign somebody out</h2>"
        f'<form method="post" action="/{realm.slug}/logout">{ask}{_field("NameID", "name_id", "")}'
        f"{_field('Session index (empty for all)', 'session_index', '')}<button>Send a logout request</button></form>",
    )


def choose(realm: Realm, customer: Customer | None, hidden: Mapping[str, str]) -> str:
    """Ask who signs in. `hidden` is what the answer needs to know of the request."""
    carried = "".join(_hidden(name, value) for name, value in hidden.items())
    people = customer.people if customer else ()
    items = "".join(_person(realm, person, carried) for person in people)
    known = f'<ul class="people">{items}</ul>' if items else ""
    return page(
        f"Sign in to {customer.name if customer else realm.slug}",
        f"{known}<h2>Somebody else</h2>{_form(realm, None, carried)}",
    )


def post_back(acs_url: str, response: str, relay_state: str) -> str:
    """Return the form that carries the signed response to the service; it submits itself where scripts run."""
    state = _hidden("RelayState", relay_state) if relay_state else ""
    return page(
        "Signing in",
        f'<form method="post" action="{escape(acs_url)}">{_hidden("SAMLResponse", response)}{state}'
        "<p>The response is signed and ready.</p><button>Continue</button></form>",
        script=True,
    )


def message(title: str, text: str) -> str:
    """Return a page that says one thing."""
    return page(title, f"<p>{escape(text)}</p>")


def _person(realm: Realm, person: Person, carried: str) -> str:
    hidden = "".join(
        _hidden(name, value) for name, values in person.asserted.items() for value in values if value
    )
    return (
        f'<li><form class="one" method="post" action="/{realm.slug}/answer">{carried}{_hidden("name_id", person.email)}{hidden}'
        f"<span><strong>{escape(person.name)}</strong><br>{escape(person.title)} · {escape(person.email)}</span>"
        f"<button>Sign in</button></form><details><summary>Change what is asserted first</summary>"
        f"{_form(realm, person, carried)}</details></li>"
    )


def _form(realm: Realm, person: Person | None, carried: str) -> str:
    asserted = person.asserted if person else {}
    single = [("E-mail", "email"), ("Given name", "givenName"), ("Surname", "surname")]
    fields = _field("NameID", "name_id", person.email if person else "", required=True)
    fields += _choice("NameID format", "name_id_format", FORMATS)
    fields += "".join(_field(label, name, ", ".join(asserted.get(name, []))) for label, name in single)
    fields += "".join(
        _field(name, name, ", ".join(asserted.get(name, [])), hint="values separated by commas")
        for name in LISTS
    )
    fields += _choice("Signed", "sign", SIGNED)
    fields += '<label><span>Encrypted</span><input type="checkbox" name="encrypt" value="yes"></label>'
    return (
        f'<form method="post" action="/{realm.slug}/answer">{carried}{fields}<button>Sign in</button></form>'
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def _field(label: str, name: str, value: str, *, hint: str = "", required: bool = False) -> str:
    more = (f' placeholder="{escape(hint)}"' if hint else "") + (" required" if required else "")
    return f'<label><span>{escape(label)}</span><input name="{escape(name)}" value="{escape(value)}"{more}></label>'


def _choice(label: str, name: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in values)
    return f'<label><span>{escape(label)}</span><select name="{name}">{options}</select></label>'
