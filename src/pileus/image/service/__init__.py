"""What the image service does; knows no HTTP."""

# SPDX-License-Identifier: Apache-2.0
from pileus.image.service.images import Images

__all__ = ["Images"]
