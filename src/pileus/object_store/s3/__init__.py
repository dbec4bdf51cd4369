"""S3's API over the object store: buckets are containers, objects are objects, and both are seen by either API.

A request of S3's is told by its signature, or by its path below `/s3/`; it is answered by requests to the pipeline further
in, on behalf of whom the signature proves (`feature.py`). What Swift has nothing like is kept as system metadata: `kept.py`.

What must stay true:
- Nothing of a request reaches the store but what a handler puts into a request of its own: no header of Swift's gets through.
- A body is checked (length, hashes, signatures of its chunks) while it goes by, and becomes an object only when all is right.
- A secret is never shown, logged or compared other than in constant time.
"""

# SPDX-License-Identifier: Apache-2.0
