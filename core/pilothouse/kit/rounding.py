"""How far apart two numbers may be and still be one: they were rounded in different ways."""

ROUNDING = 2e-7  # of a value; a float32 rounds by 6e-8 of it
