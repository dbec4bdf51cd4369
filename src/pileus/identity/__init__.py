"""Identity: who somebody is, what they may act on, and where the services are (Keystone's v3 API).

Resources: domains, projects, users, groups, roles, role assignments, services, endpoints, regions, tokens,
credentials, trusts.
A domain is a project with `is_domain`; its own `domain_id` is the empty string in records and null on the wire.

What stays true:
- A token says who and on what, never with which roles: roles are looked up, so a role that is taken away is gone at once.
- Every change that could make a valid token invalid, or change its roles, raises the *generation* in the same transaction.
  A verified token is remembered together with the generation it was verified at, and is verified again after a change.
- A token carries the generation it was issued at, read before its credentials were checked; a revocation carries the
  generation it made. So "issued before the revocation" never depends on clocks: not on their ticks, not on two hosts'.
- A token of a trust means the trust's roles as long as the trustor has all of them; it is exchanged for no other token, makes
  no trust and reads no credential.
- A token of an application credential means the credential's roles as long as its user has all of them, opens only what its
  access rules name, and is exchanged for no other token. Only an unrestricted one hands on anything, and no more than it has.
- What a wrong password, a locked account or too many failures cost and answer does not tell whether an account exists.
- A receipt of some of several factors is no token, and proves nothing alone.
- Rescoping never extends a token's life.
- An unknown user, a wrong password and a disabled user get the same answer after the same work.
- Credentials are stored encrypted, with keys that tokens are not made with.
- Passwords are stored hashed, remembered only as an HMAC under a secret of this process, and never logged or shown.
- Policy targets are built from what is stored or is about to be stored, never from other parts of a request's body.
"""

# SPDX-License-Identifier: Apache-2.0
