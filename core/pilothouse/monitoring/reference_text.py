"""What a window was compared with, in sentences for people. Pure."""

from __future__ import annotations


def reference_sentences(origin: str, rows: int | None, labels_from: str, waiting: str) -> str:
    """The reference of a window in a sentence or two.

    `origin` is "held_out" or "served"; `labels_from` names the window whose labels a served
    reference took, `waiting` what the reference lacks.
    """
    if waiting:
        return f"No reference yet: {waiting}."
    number = "" if rows is None else f"{rows:,} "
    if origin != "served":
        return f"The reference is the {number}held-out rows of the version's run."
    labels = (
        f"its metrics are those of the window from {labels_from}, the first with labels."
        if labels_from
        else "the first window with enough labels becomes its performance."
    )
    return (
        f"The version has no held-out rows, so its reference is the first {number}predictions; "
        f"{labels} An evaluation of the version replaces both."
    )
