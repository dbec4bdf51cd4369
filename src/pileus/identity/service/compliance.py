"""Security compliance: what a password must be like, how long it is good for, and when an account is shut.

A locked account and a wrong password get the same answer after the same work (OSSA-2021-003): all of this
is looked at after the password was verified. Only who knows the password is told that it has expired.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from datetime import datetime, timedelta

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.errors import PasswordExpired
from pileus.identity.model import Secret, Standing, User
from pileus.identity.passwords import Passwords
from pileus.identity.service.core import Core


class Compliance:
    def __init__(self, core: Core, passwords: Passwords):
        self.core, self.config, self.passwords = core, core.config, passwords
        self.store = core.store.standings
        self.pattern = re.compile(self.config.password_regex) if self.config.password_regex else None
        self.lock_for = timedelta(seconds=self.config.lockout_duration_s)
        self.inactive_after = timedelta(days=self.config.disable_user_account_days_inactive)

    # ---- logins ------------------------------------------------------------------------------------------------------
    async def secret_of(self, user: User) -> Secret | None:
        """What proves an account's password; None when it has none, or is in a domain that is disabled."""
        domain = await self.core.store.projects.find(user.domain_id)
        secret = await self.core.store.users.password(user.id)
        return secret if domain is not None and domain.enabled else None

    async def prove(self, user: User | None, hashed: str | None, password: str) -> None:
        """Take notice of a password that was offered. Raises Unauthenticated unless it is that of an account that is open.

        Those that are shut cost as much as a wrong password: what is remembered of the right one must not hasten their refusal.
        """
        shut = user is None or not user.enabled or await self._shut(user)
        fits = await self.passwords.verify(password, None if shut else hashed)
        if user is None:
            raise Unauthenticated()
        await self.judge(user, fits)

    async def judge(self, user: User, fits: bool) -> None:
        """Take notice of how a proof turned out. Raises Unauthenticated unless it fits and the account is open."""
        if self.config.lockout_failure_attempts or self.inactive_after:
            await self._judge_standing(user, fits)
        if not fits:
            raise Unauthenticated()
        if self.expired(user):
            raise PasswordExpired(id=user.id)

    def expired(self, user: User) -> bool:
        ends = user.password_expires_at
        return ends is not None and ends <= self.core.clock.now() and not user.options.get("ignore_password_expiry")

    async def _judge_standing(self, user: User, fits: bool) -> None:
        now, standing = self.core.clock.now(), await self.store.of(user.id)
        locks = self.config.lockout_failure_attempts and not user.options.get("ignore_lockout_failure_attempts")
        if locks and self._locked(standing, now):
            raise Unauthenticated()
        if not fits:
            if locks:
                await self.store.failed(user.id, now, forget=standing.failed >= self.config.lockout_failure_attempts)
            raise Unauthenticated()
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if standing.failed or (self.inactive_after and standing.active_at != today):
            await self.store.succeeded(user.id, today)

    async def _shut(self, user: User) -> bool:
        if not self.config.lockout_failure_attempts or user.options.get("ignore_lockout_failure_attempts"):
            return False
        return self._locked(await self.store.of(user.id), self.core.clock.now())

    def _locked(self, standing: Standing, now: datetime) -> bool:
        if standing.failed < self.config.lockout_failure_attempts or standing.failed_at is None:
            return False
        return not self.lock_for or now < standing.failed_at + self.lock_for

    def is_inactive(self, user: User, standing: Standing, now: datetime) -> bool:
        """Whether a user is to be disabled. Not looked at by logins: the last administrator must be able to come back."""
        if not self.inactive_after or standing.active_at is None or user.options.get("ignore_user_inactivity"):
            return False
        return now - standing.active_at >= self.inactive_after

    # ---- new passwords -----------------------------------------------------------------------------------------------
    def check(self, password: str) -> None:
        """Raise Invalid for a password that is not as the configuration wants it."""
        if self.pattern is not None and not self.pattern.match(password):
            raise Invalid(f"The password does not match the requirements: {self.config.password_regex_description}.")

    async def check_change(self, user: User, secret: Secret, password: str) -> None:
        """Raise Invalid when a user may not change to this password, or not yet."""
        age = timedelta(days=self.config.minimum_password_age_days)
        if self.core.clock.now() < secret.created_at + age and not self.expired(user):
            raise Invalid(f"Cannot change password before the minimum age of {self.config.minimum_password_age_days} days is met.")
        count = self.config.unique_last_password_count
        for former in await self.core.store.users.former_passwords(user.id, count) if count else ():
            if await self.passwords.verify(password, former):
                raise Invalid(f"The new password cannot be identical to a previous password: the last {count} must differ.")

    def expires_at(self, options: dict, *, by_user: bool) -> datetime | None:
        """When a password that is set now ends. One that an administrator chose may be good for changing it only."""
        now = self.core.clock.now()
        first_use = self.config.change_password_upon_first_use and not options.get("ignore_change_password_upon_first_use")
        if first_use and not by_user:
            return now
        days = self.config.password_expires_days
        return now + timedelta(days=days) if days and not options.get("ignore_password_expiry") else None
