"""Federation: people whom somebody else has identified, by OpenID Connect or by a web server in front that speaks SAML.

`mapping` turns what the identity provider says into a user, groups and projects; `oidc` verifies what it says. Both know no
database; `service/federation.py` makes the users and logs them in.
"""

# SPDX-License-Identifier: Apache-2.0
