"""Uploads by forms of browsers: a policy, signed by who made the form, says what may be sent (API reference, "POST Object")."""

# SPDX-License-Identifier: Apache-2.0
