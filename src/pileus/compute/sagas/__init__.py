"""The long operations of compute, one file each. All of them get the `Conductor` as what they work with."""

# SPDX-License-Identifier: Apache-2.0
