"""The metadata service's ear: it listens where guests ask (169.254.169.254), and has somebody else answer.

The datapath opens a socket inside each network's and each router's namespace; `Metadata` serves HTTP there and hands every
request on, with what the guest cannot forge: in which network or router it asked, and from which address. Headers in which a
client might claim to be somebody (X-Instance-ID, X-Tenant-ID, X-Forwarded-For) are not handed on at all.

It knows no server and no database: `answer` is given to it. `server` is loaded by the hosts that have an ear, and not by all
who speak of requests.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.network.metadata.model import Answer, Limits, MetadataRequest, MetadataResponse

__all__ = ["Answer", "Limits", "MetadataRequest", "MetadataResponse"]
