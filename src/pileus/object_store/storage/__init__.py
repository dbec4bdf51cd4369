"""The storage servers: what is kept on devices, and the calls that read and change it."""
# SPDX-License-Identifier: Apache-2.0
