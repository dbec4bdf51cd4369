"""HTTP for every service: literal route tables compiled onto Falcon, one port, a path per service.

A service gives an `Api`: its mount point, its `ROUTES`, how it renders an error, its microversions. Everything else
(request ids, authentication, policy, body decoding, paging, version negotiation, envelopes) is done here, once.
"""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.http.microversion import Change, Microversions, since, until
from pileus.core.http.reply import Reply
from pileus.core.http.request import Request
from pileus.core.http.route import Api, Route

__all__ = ["Api", "Change", "Microversions", "Reply", "Request", "Route", "since", "until"]
