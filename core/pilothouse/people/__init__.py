"""People: names, chosen once per browser or account, and what each of them may decide."""

from pilothouse.people.api import People
from pilothouse.people.persons import PersonInfo, refuse_unnamed, require_person, require_right

__all__ = ["People", "PersonInfo", "refuse_unnamed", "require_person", "require_right"]
