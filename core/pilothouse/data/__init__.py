"""Data: versions of datasets named by their content, their profiles and their contracts."""

from pilothouse.data.api import Data
from pilothouse.data.contract_enforcement import ContractBreach
from pilothouse.data.info import (
    ColumnProfile,
    Contract,
    ContractReport,
    ContractRule,
    DatasetVersionInfo,
    Profile,
)
from pilothouse.data.lifecycle import Use
from pilothouse.data.reading_options import ReadOptions
from pilothouse.data.reading_report import ColumnReading, ReadingReport
from pilothouse.data.schema import Column

__all__ = [
    "Column",
    "ColumnProfile",
    "ColumnReading",
    "Contract",
    "ContractBreach",
    "ContractReport",
    "ContractRule",
    "Data",
    "DatasetVersionInfo",
    "Profile",
    "ReadOptions",
    "ReadingReport",
    "Use",
]
