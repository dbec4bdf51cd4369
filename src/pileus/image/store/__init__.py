"""The tables of images, and the only SQL."""

# SPDX-License-Identifier: Apache-2.0
