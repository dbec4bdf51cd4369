"""Where the bytes of images are."""

# SPDX-License-Identifier: Apache-2.0
