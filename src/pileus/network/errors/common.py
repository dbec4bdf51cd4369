"""What any resource can be refused for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound, PreconditionFailed


class InvalidInput(Invalid):
    code, message = "network.invalid_input", "Invalid input for operation: {why}."


class BadRequest(Invalid):
    code, message = "network.bad_request", "Bad {resource} request: {why}."


class RevisionNumberConstraintFailed(PreconditionFailed):
    code, message = "network.revision_mismatch", "Constrained to {expected}, but current revision is {current}"


class OverQuota(Conflict):
    code, message = "network.over_quota", "Quota exceeded for resources: ['{resource}']."


class QuotaResourceUnknown(NotFound):
    code, message = "network.quota_unknown", "Unknown quota resources {unknown}."
