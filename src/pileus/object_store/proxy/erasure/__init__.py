"""Objects that are kept as coded fragments: any `data` of them bring the object back.

A body is cut into segments, each coded into one piece for every fragment; a fragment's file is its pieces, one behind the other.
A write is done when enough fragments are stored, and then enough of them are told so (COMMIT): only then does it count.
A reader first asks who has which fragments (`survey.py`), then reads as many as it needs, side by side (`read.py`).
"""
# SPDX-License-Identifier: Apache-2.0
