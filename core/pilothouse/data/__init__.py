"""Data: versions of datasets named by their content, their profiles and their contracts."""

from pilothouse.data.enforcement import ContractBreach
from pilothouse.data.facts import (
    ColumnProfile,
    Contract,
    ContractReport,
    DatasetVersionInfo,
    Profile,
    Rule,
)
from pilothouse.data.lifecycle import Use
from pilothouse.data.options import ReadOptions
from pilothouse.data.report import ColumnReading, ReadingReport
from pilothouse.data.schema import Column
from pilothouse.data.verbs import Data

__all__ = [
    "Column",
    "ColumnProfile",
    "ColumnReading",
    "Contract",
    "ContractBreach",
    "ContractReport",
    "Data",
    "DatasetVersionInfo",
    "Profile",
    "ReadOptions",
    "ReadingReport",
    "Rule",
    "Use",
]
