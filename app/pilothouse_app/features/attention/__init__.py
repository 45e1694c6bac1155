"""Objects that need a person: the list on Home and its actions."""
