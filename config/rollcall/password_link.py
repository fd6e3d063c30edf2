"""`manage.py rollcall password-link`: a way back in for somebody who forgot their password, as a lone operator."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from audit.record import Actor
from config.rollcall import named
from identity import password_links, second_factors, sign_on

HELP = "Print a link by which somebody sets a password, once, within a day. They are written to, and it is on record."


def add_arguments(parser: ArgumentParser) -> None:
    """Take whom it is for."""
    parser.add_argument("organization", help="slug or id; operators are in `operators`")
    parser.add_argument("member", help="user name, address or id")
    parser.add_argument(
        "--reset-second-factor", action="store_true", help="also remove their authenticator app and codes"
    )


def run(out: OutputWrapper, actor: Actor, *, reset_second_factor: bool, **options: Any) -> int:
    """Make it and print it."""
    organization = named.organization(options["organization"])
    member = named.member(organization, options["member"], field="member")
    link = password_links.make(member, actor=actor)
    if reset_second_factor:
        removed = second_factors.remove(member, actor=actor, reason="reset_by_operator")
        out.write("Their second factor is removed." if removed else "They have no second factor to remove.")
    out.write(f"{member.user_name} sets a password here, once, until {link.expires_at:%Y-%m-%d %H:%M} UTC:")
    out.write(link.url)
    if sign_on.password_refusal(member):
        out.write(
            f"{organization.name} lets people in by single sign-on alone: the password opens nothing unless"
            " they become the break-glass administrator."
        )
    return 0
