"""Event connections: the list, the form with a look at the messages, and what was set aside."""
