"""Bucket policies: what else users of a project may do with a bucket through S3, and what nobody may (User guide, "Bucket policies").

A policy is about requests of S3's: the store's own API has access lists. Owners can always replace a policy, so that nobody
locks himself out. What a policy says that is not understood is refused when it is written: it would protect nothing.
"""

# SPDX-License-Identifier: Apache-2.0
