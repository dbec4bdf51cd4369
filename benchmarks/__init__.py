"""What is measured, how, and the last figures; see README.md."""
# SPDX-License-Identifier: Apache-2.0
