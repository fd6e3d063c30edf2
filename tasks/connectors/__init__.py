"""The connectors, one file a kind of directory. A new one is added to the list below, and nowhere else."""

from typing import Final

from tasks.connectors.csv import CsvConnector
from tasks.connectors.google import GoogleConnector
from tasks.connectors.graph import GraphConnector
from tasks.connectors.interface import Connector
from tasks.connectors.ldap import LdapConnector
from tasks.connectors.okta import OktaConnector
from tasks.connectors.scim_pull import ScimConnector

CONNECTORS: Final[tuple[type[Connector], ...]] = (
    CsvConnector,
    GoogleConnector,
    GraphConnector,
    LdapConnector,
    OktaConnector,
    ScimConnector,
)
BY_KIND: Final = {connector.kind: connector for connector in CONNECTORS}
