"""The role catalogue as a file."""

import csv
import io

from identity import groups, mappings, members, roles
from identity.mappings import Mapping
from tests.api.client import token_of
from tests.conftest import SETUP, join

PATH = "/organizations/acme/roles.csv"


def test_the_catalogue_names_what_to_assert_and_counts_who_has_it(acme, ada):
    roles.define(acme, "trader", label="=cmd|'/c calc'!A1", capabilities=["access.read"], actor=SETUP)
    join(acme, "tess", role="trader")
    members.suspend(join(acme, "tom", role="trader"), actor=SETUP)
    group = groups.create(acme, display_name="Traders", actor=SETUP)
    mappings.replace(group, Mapping((), ("trader",)), actor=SETUP)
    answer = token_of(ada, "access.read").get(PATH)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer["Content-Disposition"] == 'attachment; filename="acme-roles.csv"'
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(answer.content.decode()))}
    assert rows["trader"] == {
        "name": "trader", "label": "'=cmd|'/c calc'!A1", "built_in": "false", "capabilities": "access.read",
        "members": "1", "groups": "1",
    }  # fmt: skip
    assert (rows["organization_admin"]["built_in"], rows["organization_admin"]["members"]) == ("true", "1")


def test_strangers_and_those_without_the_right_are_refused(ada, gus):
    assert token_of(gus).get(PATH).status_code == 404
    assert token_of(ada, "members.read").get(PATH).status_code == 403
