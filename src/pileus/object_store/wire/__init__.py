"""Requests and answers, and how they travel: as ASGI, over HTTP/1.1, or as plain calls."""
# SPDX-License-Identifier: Apache-2.0
