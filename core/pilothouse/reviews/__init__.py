"""Reviews: a meeting over what waits for people, with its agenda, its decisions and its minutes."""

from pilothouse.reviews.api import Reviews
from pilothouse.reviews.meetings import AgendaItem, ReviewInfo
from pilothouse.reviews.minutes import ItemMinutes, Minutes

__all__ = ["AgendaItem", "ItemMinutes", "Minutes", "ReviewInfo", "Reviews"]
