"""Comments of people on runs, versions, promotions, alerts, windows and deployments."""

from pilothouse.comments.api import Comments
from pilothouse.comments.threads import CommentInfo

__all__ = ["CommentInfo", "Comments"]
