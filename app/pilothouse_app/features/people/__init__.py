"""People: forms to add and change them."""
