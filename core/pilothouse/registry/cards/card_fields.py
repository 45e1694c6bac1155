"""The sections of a model card (Mitchell et al. 2019), and what only people can write in each."""

from __future__ import annotations

from pilothouse.kit.fact_sheets.fact_sheet import WrittenField

SECTIONS = {
    "details": "Model details",
    "use": "Intended use",
    "factors": "Factors",
    "metrics": "Metrics",
    "evaluation": "Evaluation data",
    "training": "Training data",
    "analyses": "Quantitative analyses",
    "ethics": "Ethical considerations",
    "caveats": "Caveats and recommendations",
}
LICENCE, LANGUAGE, CITATION = "licence", "language", "citation"
ALGORITHM_NOTE, EVALUATION_NOTE = "algorithm_note", "evaluation_note"
TRAINING_NOTE = "training_note"

CARD_FIELDS = (
    WrittenField(
        *(LICENCE, "Licence", "details"),
        "Its identifier, such as apache-2.0, mit or proprietary.",
        lines=1,
    ),
    WrittenField(
        *("contact", "Contact", "details"),
        "Who answers questions on the model: a person, a team, an address.",
        lines=1,
    ),
    WrittenField(
        *(ALGORITHM_NOTE, "Algorithm", "details"),
        "What kind of model it is, where its files do not say it.",
        required=False,
    ),
    WrittenField(
        *(LANGUAGE, "Language of the data", "details"),
        "Its code, such as en or de, where the inputs are text.",
        required=False,
        lines=1,
    ),
    WrittenField(*(CITATION, "Citation", "details"), "How others should cite it.", required=False),
    WrittenField(
        *("intended_use", "Intended use", "use"),
        "What the model was made for, and the decisions that its answers support.",
    ),
    WrittenField(*("intended_users", "Intended users", "use"), "Who is meant to use it.", lines=2),
    WrittenField(
        *("out_of_scope", "Out of scope", "use"),
        "Uses that look possible, and that it was not made for.",
    ),
    WrittenField(
        *("factors", "Relevant factors", "factors"),
        "Groups of people, instruments and conditions that may change how well it answers.",
    ),
    WrittenField(
        *("metric_choice", "Choice of metrics", "metrics"),
        "Why these metrics and this threshold: which error costs more.",
        required=False,
    ),
    WrittenField(
        *(EVALUATION_NOTE, "Evaluation data", "evaluation"),
        "Which rows it was measured on and why, where evidence does not say it.",
        required=False,
    ),
    WrittenField(
        *(TRAINING_NOTE, "Training data", "training"),
        "What it was trained on, where evidence does not say it.",
        required=False,
    ),
    WrittenField(
        *("ethical_considerations", "Ethical considerations", "ethics"),
        "Sensitive data, risks and harms, and what was done against them.",
    ),
    WrittenField(
        *("caveats", "Caveats and recommendations", "caveats"),
        "What was not tested, and what users should watch.",
    ),
)
