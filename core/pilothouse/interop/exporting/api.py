"""Exports of versions as screens, commands and notebooks use them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pilothouse.activity import record
from pilothouse.interop.exporting.archive import write_zip
from pilothouse.interop.exporting.export_notes import with_notes
from pilothouse.interop.exporting.gathering import subject_of
from pilothouse.interop.exporting.info import ExportedArchive, ExportOffer, ExportPreview
from pilothouse.interop.exporting.plan import ExportPlan
from pilothouse.interop.exporting.subject import ExportSubject, label_of
from pilothouse.interop.exporting.targets import ExportTarget, export_targets
from pilothouse.interop.window_exports.api import WindowExports
from pilothouse.kit.errors import PilothouseError, Refused
from pilothouse.kit.parameters import read_params

EXPORTED = "exported"  # the verb of the activity log


class ModelExports(WindowExports):
    """Exports of model versions to other serving systems, and of windows to monitoring systems."""

    def offers(self, model: str, version: int, deployment: str = "") -> tuple[ExportOffer, ...]:
        """Every target, with the reason where it cannot take this version. Raises NotFound."""
        reason = ""
        subject: ExportSubject | None = None
        try:
            subject = subject_of(self._store, model, version, deployment)
        except PilothouseError as refused:
            if refused.status in (404, 422):
                raise
            reason = str(refused)
        return tuple(
            ExportOffer(
                name,
                target.title,
                target.description,
                target.parameters,
                target.refusal(subject) if subject else reason,
            )
            for name, target in export_targets.items()
        )

    def preview(
        self,
        target: str,
        model: str,
        version: int,
        deployment: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> ExportPreview:
        """What an export would write, and what it cannot carry over.

        With a `deployment` of the same model, its settings are carried over. `options` are those
        of the target. Raises NotFound, Invalid, and Refused for a version that it cannot take.
        """
        subject, plan = self._plan(target, model, version, deployment, options)
        return _preview(target, subject, plan)

    def write(
        self,
        target: str,
        model: str,
        version: int,
        path: str | Path,
        deployment: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> ExportedArchive:
        """Write an export as a zip archive, and record it with its digest in the audit log.

        The same version, settings and options give the same bytes. Raises what `preview` raises.
        """
        subject, plan = self._plan(target, model, version, deployment, options)
        target_path = Path(path)
        digest = write_zip(target_path, plan.files)
        preview = _preview(target, subject, plan)
        self._record(preview, deployment, digest)
        return ExportedArchive(target_path, digest, target_path.stat().st_size, preview)

    def archive(
        self,
        target: str,
        model: str,
        version: int,
        deployment: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The same archive as bytes, for a download; recorded in the audit log, too."""
        with tempfile.TemporaryDirectory(prefix="pilothouse-export-") as folder:
            written = self.write(
                target, model, version, Path(folder) / "export.zip", deployment, options
            )
            return written.path.read_bytes()

    def _plan(
        self,
        target: str,
        model: str,
        version: int,
        deployment: str,
        options: Mapping[str, Any] | None,
    ) -> tuple[ExportSubject, ExportPlan]:
        chosen = export_targets.get(target)
        values = read_params(f"the export to {chosen.title}", chosen.parameters, options or {})
        subject = subject_of(self._store, model, version, deployment)
        require_taken(chosen, subject)
        return subject, with_notes(subject, chosen.title, chosen.plan(subject, values))

    def _record(self, preview: ExportPreview, deployment: str, digest: str) -> None:
        after = {"target": preview.target, "deployment": deployment, "sha256": digest}
        with self._store.write() as session:
            record(session, self._store, EXPORTED, "version", preview.ref, after=after)


def require_taken(target: ExportTarget, subject: ExportSubject) -> None:
    """Raises Refused, with the reason, for a version that a target cannot take."""
    reason = target.refusal(subject)
    if reason:
        raise Refused(
            f"{subject.ref} cannot be exported to {target.title}: {reason}.",
            hint="`pilothouse export-targets` lists those that can take it.",
        )


def _preview(target: str, subject: ExportSubject, plan: ExportPlan) -> ExportPreview:
    return ExportPreview(
        ref=subject.ref,
        target=target,
        title=export_targets.get(target).title,
        filename=f"{label_of(subject.model)}-{subject.version}-{target}.zip",
        paths=plan.paths,
        carried=plan.carried,
        left_out=plan.left_out,
        notes=plan.notes,
        steps=plan.steps,
    )
