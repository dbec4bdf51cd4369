"""What everything else is about: timestamps, names, policies. Pure."""
# SPDX-License-Identifier: Apache-2.0
