"""How programs call a deployment: each protocol's address, and programs that run as shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.deployments.access.key_ring import PREDICT
from pilothouse.deployments.client_examples import LANGUAGES, ClientExample, client_examples
from pilothouse_app.components.filters import switch
from pilothouse_app.components.header import section
from pilothouse_app.components.table import table, text_column
from pilothouse_app.components.workspace import server_url, workspace

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo

HIGHLIGHT = {"curl": "bash", "Python": "python", "JavaScript": "javascript"}
COLUMNS = {
    "protocol": text_column("Protocol", width=210),
    "address": text_column("Address", width=300),
    "clients": text_column("Clients"),
}
FACTS = """
`prediction_ids` are your own ids, one a row, by which labels are joined and repetitions recognised;
`event_time` is when the event happened, in milliseconds since 1970; `entity_id` is whom or what the
rows are about. All are optional, and headers may carry them instead: `x-prediction-ids`,
`x-event-time`, `x-entity-id`.
"""


def clients_view(deployment: DeploymentInfo) -> None:
    """The protocols of the server, and a program in each of them for this deployment."""
    needs_key = PREDICT in workspace().deployments.needs_key(deployment.name)
    examples = client_examples(
        deployment.name,
        deployment.serving_signature,
        deployment.input_example,
        server_url(),
        needs_key=needs_key,
    )
    section("Protocols", "all on one port, with the same answers")
    _protocols(examples)
    if stage := workspace().deployments.stage(deployment.name):
        st.markdown(
            f"In {stage}, whatever the deployment is called: `/stages/{stage}` before the address, "
            f"and the model in its place: `/stages/{stage}/v2/models/{deployment.model}/infer`."
        )
    section("Programs", "with the columns and the example of this deployment")
    st.markdown(FACTS)
    if needs_key:
        st.markdown(":material/lock: Put your API key in the place of `KEY`.")
    language = switch("clients_language", LANGUAGES, "Language")
    for tab, example in zip(
        st.tabs([example.title for example in examples]), examples, strict=True
    ):
        with tab:
            st.code(example.programs[language], language=HIGHLIGHT[language], wrap_lines=True)
    if language == "JavaScript":
        st.markdown(
            ":small[:gray[For Node.js 18 or newer, as a module (.mjs). "
            "Pages of other sites in a browser are refused.]]"
        )


def _protocols(examples: tuple[ClientExample, ...]) -> None:
    rows = [
        {"protocol": e.title, "address": f"POST {e.path}", "clients": e.spoken_by} for e in examples
    ]
    table(pd.DataFrame(rows), COLUMNS, key="client_protocols", alt="Protocols of this deployment")
