"""What was decided and what came of it: production on any date, and the history of models."""

from pilothouse.governance.affected import AffectedObject
from pilothouse.governance.api import Governance
from pilothouse.governance.outcomes import PromotionOutcome
from pilothouse.governance.production import ProductionVersion, ServedThen

__all__ = ["AffectedObject", "Governance", "ProductionVersion", "PromotionOutcome", "ServedThen"]
