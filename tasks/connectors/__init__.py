"""The connectors, one file a kind of directory. A new one is added to the list below, and nowhere else."""

from typing import Final

from tasks.connectors.csv import CsvConnector
from tasks.connectors.interface import Connector

CONNECTORS: Final[tuple[type[Connector], ...]] = (CsvConnector,)
BY_KIND: Final = {connector.kind: connector for connector in CONNECTORS}
