"""Long operations of the image service."""

# SPDX-License-Identifier: Apache-2.0
