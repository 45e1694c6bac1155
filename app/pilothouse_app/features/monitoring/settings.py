"""The settings of a monitor: what is enough, what is too far, and the form that changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from pilothouse.monitoring.monitor_config import (
    DATASET,
    HELD_OUT,
    PREVIOUS_WINDOWS,
    YEAR_BEFORE,
    Reference,
)
from pilothouse.monitoring.monitors import DEFAULT_SIZE
from pilothouse.monitoring.windows import DEFAULT_ZONE, PREDICTION, Period, scheme_text
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import count, sentence, share, title
from pilothouse_app.components.header import facts, section
from pilothouse_app.components.optional_number import optional_number
from pilothouse_app.components.table import table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.metrics import monitored_metrics, tolerance_text
from pilothouse_app.features.monitoring.skew import key_field

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from pilothouse.monitoring.monitor_config import MonitorConfig
    from pilothouse_app.features.monitoring.metrics import Metric

REFERENCES: dict[Reference, str] = {
    HELD_OUT: "Held-out rows of the version",
    PREVIOUS_WINDOWS: "Windows before",
    YEAR_BEFORE: "Same weeks of the year before",
    DATASET: "A dataset version",
}
PERIODS = {PREDICTION: "Number of predictions"}
COLUMNS = {
    "title": text_column("Metric", width=260),
    "better": text_column("Better", width=90),
    "tolerance": text_column("May be worse by", width=220),
    "role": text_column("Role"),
}


def settings_view(deployment: str) -> None:
    """How the windows of a deployment are judged."""
    config = workspace().monitoring.monitor_info(deployment).config
    facts(
        {
            "Windows": sentence(scheme_text(config.scheme)),
            "Evaluated": waits_text(config),
            "Fewest rows": count(config.min_rows),
            "Fewest labels": count(config.min_labelled),
            "Least labelled": share(config.min_coverage, 0),
            "Drifted columns": f"more than {share(config.drifted_share, 0)} fail",
            "Columns by chance": f"at most {share(config.false_discovery_rate, 1)}",
            "Inputs compared with": reference_text(config),
            "All columns together": together_text(config),
            "Segments": ", ".join(config.segment_columns) or "none",
            "Fairness": ", ".join(config.fairness_columns) or "none",
            "Training-serving skew": _skew_text(config),
            "Reference without held-out rows": f"the first {count(config.reference_rows)} rows",
        }
    )
    section("Metrics", "how much worse than the reference a window may be")
    metrics = monitored_metrics(deployment)
    if not metrics:
        st.markdown(":gray[Answers of this kind are not compared with labels.]")
        return
    rows = [
        {
            "title": metric["title"],
            "better": metric["direction"],
            "tolerance": tolerance_text(metric),
            "role": "decides" if metric["primary"] else "warns",
        }
        for metric in metrics.values()
    ]
    table(pd.DataFrame(rows), COLUMNS, key="tolerances", alt="Tolerances of metrics", ids="title")


def waits_text(config: MonitorConfig) -> str:
    """When windows are evaluated, and until when late data count."""
    waits = f"{config.evaluate_after:g} hours later" if config.evaluate_after else "at their end"
    if config.give_up_after is None:
        return waits
    return f"{waits}, again for {config.give_up_after:g} hours"


def _skew_text(config: MonitorConfig) -> str:
    if not config.skew:
        return "not measured"
    return f"measured by {config.skew_key}" if config.skew_key else "measured"


def together_text(config: MonitorConfig) -> str:
    """By what all columns are tested together, in words."""
    tests = {"classifier": config.domain_classifier, "components": config.pca_reconstruction}
    return ", ".join(name for name, is_tested in tests.items() if is_tested) or "not tested"


def reference_text(config: MonitorConfig) -> str:
    """What the inputs of a window are compared with, in words."""
    if config.reference == PREVIOUS_WINDOWS:
        return f"the {count(config.reference_windows)} windows before"
    if config.reference == DATASET:
        return f"the dataset {config.reference_dataset}"
    return REFERENCES[config.reference].lower()


def change_settings_button(deployment: str) -> None:
    """The button that opens the form."""
    if st.button("Change settings", icon=":material/tune:", key="settings_change"):
        change_settings(deployment)


@st.dialog("Change settings", icon=":material/tune:")
def change_settings(deployment: str) -> None:
    """The form of the settings; what is not changed stays as the task has it."""
    config = workspace().monitoring.monitor_info(deployment).config
    changes = _general(config) | _groups(deployment, config) | _skew(deployment, config)
    tolerances = dict(config.tolerances)
    for key, metric in monitored_metrics(deployment).items():
        if (value := tolerance_field(key, metric)) != metric["tolerance"]:
            tolerances[key] = value
    st.markdown(":gray[They apply to windows evaluated from now on.]")
    if dialog_buttons("Change", "settings") and run_or_show_error(
        lambda: workspace().monitoring.monitor(deployment, **changes, tolerances=tolerances)
    ):
        toast_next("The settings are changed")
        st.rerun()


def _general(config: MonitorConfig) -> dict[str, Any]:
    changes = _windows(config)
    labels = {
        "min_rows": "Fewest rows",
        "min_labelled": "Fewest labels",
        "reference_rows": "Rows of a reference without held-out rows",
    }
    for name, label in labels.items():
        value = int(getattr(config, name))
        changes[name] = int(st.number_input(label, 1, None, value, key=f"settings_{name}"))
    changes |= _reference(config)
    changes["domain_classifier"] = st.checkbox(
        "Test all columns together",
        config.domain_classifier,
        help="A classifier is asked where each row is from; it takes 0.2 s a window",
        key="settings_domain_classifier",
    )
    changes["pca_reconstruction"] = st.checkbox(
        "Rebuild rows from components",
        config.pca_reconstruction,
        help="Whether the columns still belong together as in the reference, by PCA",
        key="settings_pca_reconstruction",
    )
    changes["false_discovery_rate"] = float(
        st.number_input(
            "Columns over a limit by chance (share)",
            0.001,
            0.5,
            float(config.false_discovery_rate),
            step=0.005,
            format="%.4g",
            help="A column breaches only when its score is more than chance gives at this rate",
            key="settings_false_discovery_rate",
        )
    )
    return changes


def _windows(config: MonitorConfig) -> dict[str, Any]:
    """How event time is cut into windows."""
    periods = get_args(Period)
    zones = [DEFAULT_ZONE, *sorted(available_timezones() - {DEFAULT_ZONE})]
    changes: dict[str, Any] = {
        "period": st.selectbox(
            "Period",
            periods,
            index=periods.index(config.period),
            format_func=lambda period: PERIODS.get(period, title(period)),
            key="settings_period",
        ),
        "zone": st.selectbox(
            "Time zone",
            zones,
            index=zones.index(config.zone) if config.zone in zones else None,
            help="Whose hours, days, weeks and months they are, with daylight saving",
            key="settings_zone",
        )
        or config.zone,
    }
    if changes["period"] == PREDICTION:
        changes["window_length"] = _size(config)
    left, right = st.columns(2)
    if changes["period"] != PREDICTION:
        changes |= _length(config, left, right)
    changes["evaluate_after"] = float(
        left.number_input(
            "Evaluate after (hours)",
            0.0,
            None,
            float(config.evaluate_after),
            help="After the end of a window, so that labels and late rows are there",
            key="settings_evaluate_after",
        )
    )
    changes["give_up_after"] = optional_number(
        "Give up after (hours)",
        config.give_up_after,
        min_value=0.0,
        container=right,
        placeholder="never",
        help="Rows and labels received later do not make a window due again",
        key="settings_give_up_after",
    )
    return changes


def _size(config: MonitorConfig) -> int:
    """How many predictions a window has."""
    size = config.window_length if config.scheme.is_counted else DEFAULT_SIZE
    return int(
        st.number_input(
            "Predictions in a window",
            1,
            None,
            size,
            step=100,
            help="By event time. A window stays as it is once it is full: a late prediction counts "
            "in the one that its time lies in, which gets a new revision",
            key="settings_window_size",
        )
    )


def _length(config: MonitorConfig, left: DeltaGenerator, right: DeltaGenerator) -> dict[str, Any]:
    """How many periods a window has, and how many there are to the next one."""
    present = (1, 1) if config.scheme.is_counted else (config.window_length, config.window_step)
    length = left.number_input(
        "Periods in a window", 1, None, present[0], key="settings_window_length"
    )
    step = right.number_input(
        "Periods to the next window",
        1,
        None,
        present[1],
        help="Fewer than a window has: windows overlap, such as the last 7 days, every day",
        key="settings_window_step",
    )
    return {"window_length": int(length), "window_step": int(step)}


def _groups(deployment: str, config: MonitorConfig) -> dict[str, Any]:
    """The inputs by which rows are grouped; of times none."""
    columns = workspace().deployments.deployment(deployment).signature.inputs
    labels = {
        "segment_columns": ("Judge by segment of", "Metric and answers of each value, or quarter"),
        "fairness_columns": ("Compare groups of", "Gaps between groups, such as selection rates"),
    }
    names = [column.name for column in columns if column.type != "time"]
    return {
        name: st.multiselect(
            label,
            names,
            [column for column in getattr(config, name) if column in names],
            help=note,
            key=f"settings_{name}",
        )
        for name, (label, note) in labels.items()
    }


def _skew(deployment: str, config: MonitorConfig) -> dict[str, Any]:
    """Whether what was served is compared row by row, and by which key without a feature store."""
    changes: dict[str, Any] = {
        "skew": st.checkbox(
            "Measure training-serving skew",
            config.skew,
            help="Served values against the feature store, or training rows of the same key",
            key="settings_skew",
        )
    }
    if changes["skew"] and workspace().deployments.features(deployment) is None:
        changes["skew_key"] = key_field(deployment, config.skew_key, "settings_skew_key")
    return changes


def _reference(config: MonitorConfig) -> dict[str, Any]:
    """What inputs are compared with; how many windows, or which dataset version, where asked."""
    names = list(REFERENCES)
    chosen = st.selectbox(
        "Compare inputs with",
        names,
        index=names.index(config.reference),
        format_func=REFERENCES.__getitem__,
        help="Where inputs have a season, the held-out rows do not have it: choose rows that do",
        key="settings_reference",
    )
    changes: dict[str, Any] = {"reference": chosen}
    if chosen == PREVIOUS_WINDOWS:
        windows = st.number_input(
            "Windows before", 1, None, config.reference_windows, key="settings_reference_windows"
        )
        changes["reference_windows"] = int(windows)
    if chosen == DATASET:
        refs = dataset_refs()
        at = refs.index(config.reference_dataset) if config.reference_dataset in refs else None
        changes["reference_dataset"] = (
            st.selectbox("Dataset version", refs, index=at, key="settings_reference_dataset") or ""
        )
    return changes


def dataset_refs() -> list[str]:
    """Every dataset version in use, the newest of each dataset first."""
    data = workspace().data
    refs: list[str] = []
    for name in data.datasets()["name"].tolist():
        versions = data.versions(name)
        refs += versions[versions["status"] != "archived"]["ref"].tolist()
    return refs


def tolerance_field(key: str, metric: Metric, *, prefix: str = "settings") -> float:
    """The field of a tolerance: a share of the reference's value, or a difference."""
    unit = "share of the reference" if metric["relative"] else metric["unit"] or "difference"
    label = f"{metric['title']} ({unit})"
    value = float(metric["tolerance"])
    return float(
        st.number_input(
            label, 0.0, None, value, step=0.01, format="%.4g", key=f"{prefix}_tolerance_{key}"
        )
    )
