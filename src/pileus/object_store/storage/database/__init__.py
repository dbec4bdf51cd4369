"""SQLite databases of accounts and containers."""
# SPDX-License-Identifier: Apache-2.0
