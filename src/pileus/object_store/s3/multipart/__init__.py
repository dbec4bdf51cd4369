"""Multipart uploads: parts are objects of a container beside the bucket, and what is made of them is a static large object.

In `BUCKET+segments`, `uploads/KEY` (and a separator, and the upload's id) says that an upload is under way and keeps the
headers of what it is to become; `parts/UPLOAD/NUMBER` are its parts. Numbers have one length, so that parts are listed in
order. A part belongs to an upload that is under way or to the object that was made of it, and goes when that does.
"""

# SPDX-License-Identifier: Apache-2.0
