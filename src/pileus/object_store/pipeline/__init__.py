"""Features around the proxy: one feature, one file, put together by `order.py`."""
# SPDX-License-Identifier: Apache-2.0
