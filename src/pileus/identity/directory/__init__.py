"""Directories: domains whose users and groups are kept in LDAP. Read only: nothing here writes to a directory.

`ldap` speaks to one; it blocks, knows no database, and is called in threads. `service/directories.py` keeps what it says.
"""

# SPDX-License-Identifier: Apache-2.0
