"""The ring: which devices hold a partition. Pure: no file but the ring's own, no clock, no network."""
# SPDX-License-Identifier: Apache-2.0
