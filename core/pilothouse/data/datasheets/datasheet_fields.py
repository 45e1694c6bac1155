"""The sections of a datasheet (Gebru et al. 2018), and what only people can write in each."""

from __future__ import annotations

from pilothouse.kit.fact_sheets.fact_sheet import WrittenField

SECTIONS = {
    "motivation": "Motivation",
    "composition": "Composition",
    "collection": "Collection process",
    "preprocessing": "Preprocessing, cleaning, labelling",
    "uses": "Uses",
    "distribution": "Distribution",
    "maintenance": "Maintenance",
}
LICENCE_NOTE, SOURCE_NOTE = "licence_note", "source_note"

DATASHEET_FIELDS = (
    WrittenField(
        *("purpose", "Purpose", "motivation"), "For what purpose was the dataset created?"
    ),
    WrittenField(
        *("creators", "Creators", "motivation"), "Who created it, and on whose behalf?", lines=2
    ),
    WrittenField(
        *("funding", "Funding", "motivation"), "Who paid for it?", required=False, lines=1
    ),
    WrittenField(
        *("instances", "What a row is", "composition"),
        "What does a row represent: a person, an event, a measurement?",
        lines=2,
    ),
    WrittenField(
        *("sampling", "Sampling", "composition"),
        "Are these all rows there are, or a sample: of what, and drawn how?",
    ),
    WrittenField(
        *("sensitive_data", "Sensitive data", "composition"),
        "Personal, confidential or offensive content, and groups that can be recognised.",
    ),
    WrittenField(
        *("collection", "How it was collected", "collection"),
        "Sensors, surveys, systems; who collected it, and whether people were told.",
    ),
    WrittenField(
        *(SOURCE_NOTE, "Source", "collection"),
        "Where it is from, where that was not recorded.",
        required=False,
        lines=1,
    ),
    WrittenField(
        *("consent", "Consent and review", "collection"),
        "Consent, notice, ethical review.",
        required=False,
    ),
    WrittenField(
        *("preprocessing", "Preprocessing", "preprocessing"),
        "What was cleaned, filtered or labelled before it was registered, and by whom.",
    ),
    WrittenField(
        *("uses", "Suitable uses", "uses"), "What it is good for, and what it was used for."
    ),
    WrittenField(
        *("not_for", "Unsuitable uses", "uses"), "What it should not be used for, and why."
    ),
    WrittenField(
        *(LICENCE_NOTE, "Licence", "distribution"),
        "Its licence or terms, where that was not recorded.",
        required=False,
        lines=1,
    ),
    WrittenField(
        *("access", "Access", "distribution"),
        "Who may have it, and under which conditions.",
        lines=2,
    ),
    WrittenField(
        *("maintainer", "Maintainer", "maintenance"),
        "Who maintains it and answers questions.",
        lines=1,
    ),
    WrittenField(
        *("updates", "Updates", "maintenance"),
        "How often it is updated, and how long old versions are kept.",
        lines=2,
    ),
)
