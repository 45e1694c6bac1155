"""Every room's tables, for whoever needs the whole schema at once."""

import pilothouse.activity.tables
import pilothouse.attention.tables
import pilothouse.data.tables
import pilothouse.deployments.tables
import pilothouse.experiments.tables
import pilothouse.interop.tables
import pilothouse.jobs.tables
import pilothouse.monitoring.tables
import pilothouse.registry.tables  # noqa: F401
