"""Object lock: versions that nobody deletes before their time (User guide, "Locking objects with Object Lock").

A bucket that locks keeps versions for good. A version is locked until a date, or while it is held; both are metadata of it.
`guard.py` keeps it, whichever API asks.
"""

# SPDX-License-Identifier: Apache-2.0
