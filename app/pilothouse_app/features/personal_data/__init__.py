"""Personal data: what is masked on screens, the marks of columns, and who reveals them."""
