"""Model files that trainings wrote, and whether a model process could answer with them.

What trainings of earlier versions wrote is taken over: the model files of runs that a training job
made, which no client of a protocol can make.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "experiments_written_model",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_experiments_written_model")),
    )
    op.create_table(
        "registry_trial",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_trial")),
    )
    op.execute(
        "INSERT INTO experiments_written_model (digest, run_id, written_at) "
        "SELECT a.digest, MIN(r.id), MIN(COALESCE(r.ended_at, r.created_at)) "
        "FROM experiments_run_artifact a JOIN experiments_run r ON r.id = a.run_id "
        "WHERE a.path = 'model/model.joblib' AND r.source = 'pilothouse.training' "
        "AND r.job_id IS NOT NULL GROUP BY a.digest"
    )
