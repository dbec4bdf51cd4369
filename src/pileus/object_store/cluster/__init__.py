"""A cluster of processes: what runs in one, which there are, and starting and stopping them."""
# SPDX-License-Identifier: Apache-2.0
