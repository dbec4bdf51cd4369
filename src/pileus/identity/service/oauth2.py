"""OAuth 2.0: an application credential is a client, and a token of it an access token."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Unauthenticated
from pileus.identity.errors import OAuth2InvalidClient
from pileus.identity.model import ApplicationCredentialRef, Login
from pileus.identity.service.logins import Logins
from pileus.identity.service.tokens import Verified


class OAuth2:
    def __init__(self, logins: Logins):
        self.logins = logins

    async def client_credentials(self, client_id: str, secret: str, source: str) -> Verified:
        """Raises OAuth2InvalidClient, whatever the reason."""
        ref = ApplicationCredentialRef(id=client_id, secret=secret)
        try:
            return await self.logins.log_in(Login(application_credential=ref, source=source))
        except Unauthenticated as problem:
            raise OAuth2InvalidClient() from problem
