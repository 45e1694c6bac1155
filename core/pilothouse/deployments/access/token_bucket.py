"""A token bucket: so many requests a second, and so many at once after a pause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TokenBucket:
    """It holds at most `burst` tokens, gains `per_second` of them, and a request takes one."""

    per_second: float
    burst: int
    tokens: float
    at: float

    @classmethod
    def full(cls, per_second: float, burst: int, now: float) -> TokenBucket:
        """A bucket at its start."""
        return cls(per_second, burst, float(burst), now)

    def take(self, now: float) -> float:
        """Take a token; 0, or the seconds until there is one, and then none is taken."""
        elapsed = max(now - self.at, 0.0)
        self.tokens = min(self.tokens + elapsed * self.per_second, float(self.burst))
        self.at = max(now, self.at)
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / self.per_second
