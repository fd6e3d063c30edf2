"""The connectors, one file a kind of directory. A new one is added to the list below, and nowhere else."""

from typing import Final

from tasks.connectors.csv import CsvConnector
from tasks.connectors.interface import Connector
from tasks.connectors.ldap import LdapConnector

CONNECTORS: Final[tuple[type[Connector], ...]] = (CsvConnector, LdapConnector)
BY_KIND: Final = {connector.kind: connector for connector in CONNECTORS}
