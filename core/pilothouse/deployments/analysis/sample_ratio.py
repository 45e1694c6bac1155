"""Whether requests were split as they should have been (sample ratio mismatch).

A split that does not hold means that the variants did not get alike requests, so that nothing they
differ in may be believed. The check is the multinomial mixture of Lindon and Malek (Anytime-valid
inference for multinomial count data, NeurIPS 2022): it may be looked at at any time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONCENTRATION = 1_000.0  # of the prior around the split: a deviation of a hundredth is found early
LEVEL = 0.001  # a mismatch stops a rollout, so that a false one must be rare


@dataclass(frozen=True)
class SampleRatio:
    """The requests of each variant, and the shares they should have; `evidence` is 1 or less when
    nothing speaks against the split, and refutes it from 1 / LEVEL on."""

    counts: tuple[int, ...]
    shares: tuple[float, ...]
    evidence: float

    @property
    def is_mismatch(self) -> bool:
        """Whether requests were certainly not split as they should have been."""
        return self.evidence >= 1 / LEVEL


def check_sample_ratio(counts: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Compare counts with the shares they were drawn by, which add up to 1.

    Raises ValueError for shares that do not, and for another number of them.
    """
    from scipy.special import gammaln

    if len(counts) != len(shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise ValueError("each count needs its share, and the shares must add up to 1")
    if any(n and not share for n, share in zip(counts, shares, strict=True)):
        return SampleRatio(tuple(counts), tuple(shares), math.inf)
    drawn = [(n, share) for n, share in zip(counts, shares, strict=True) if share]
    prior = [CONCENTRATION * share for _, share in drawn]
    total = sum(n for n, _ in drawn)
    log_evidence = gammaln(sum(prior)) - gammaln(sum(prior) + total)
    for (n, share), weight in zip(drawn, prior, strict=True):
        log_evidence += gammaln(weight + n) - gammaln(weight) - n * math.log(share)
    return SampleRatio(tuple(counts), tuple(shares), math.exp(min(float(log_evidence), 700.0)))
