"""What may be done to the bytes of an image while it is imported, in the order that the configuration gives."""

# SPDX-License-Identifier: Apache-2.0
