"""One exported model version behind the same protocols, without a workspace or a database.

Exports hold copies of these modules and of those that they import.
"""
