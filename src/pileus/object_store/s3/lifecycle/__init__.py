"""Rules by which a bucket's objects, versions and uploads expire (User guide, "Managing the lifecycle of objects").

The rules are kept with the bucket; `daemons/lifecycle.py` goes by them.
"""

# SPDX-License-Identifier: Apache-2.0
