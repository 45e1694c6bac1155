"""Comments: the thread of an object."""
