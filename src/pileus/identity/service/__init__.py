"""What identity does. Other services and the cloud use `Identity`; its parts, one per noun, are for its own API."""

# SPDX-License-Identifier: Apache-2.0
from pileus.identity.service.identity import Identity

__all__ = ["Identity"]
