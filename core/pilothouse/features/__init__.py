"""Feature stores: what they hold, features at times for training, materialization and lookups.

The library of a store is never imported here: an interpreter that has it runs a small program (see
`agents`), which answers over pipes.
"""

from pilothouse.features.api import Features
from pilothouse.features.store_info import FeatureRequest, FeatureStoreInfo

__all__ = ["FeatureRequest", "FeatureStoreInfo", "Features"]
