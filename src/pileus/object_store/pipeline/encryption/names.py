"""Headers in which encryption keeps what it needs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

OF_BODY, OF_METADATA = "x-object-sysmeta-crypto-", "x-object-transient-sysmeta-crypto-"
BODY, ETAG, ETAG_MAC = OF_BODY + "body-meta", OF_BODY + "etag", OF_BODY + "etag-mac"
META, SHOWN = OF_METADATA + "meta-", "x-object-meta-"
LISTED = "x-object-sysmeta-container-update-override-etag"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
