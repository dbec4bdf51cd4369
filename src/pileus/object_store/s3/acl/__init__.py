"""Access lists of buckets and of single objects: what they say (`grants`), how they are kept (`buckets`, `objects`), and the requests
about them (`documents`). Whether a request may be made is for `rights.py`.
"""

# SPDX-License-Identifier: Apache-2.0
