"""Where a server goes: a snapshot of the hosts and a request in, a ranking out.

`snapshot` holds the hosts as columns, `request` what is asked for, `filters` say which hosts may, `weighers` which hosts
are better, `rank` decides. Filters and weighers have the names and the meaning operators know from Nova.

What it is not: it claims nothing (placement does, and has the last word), reads no database, awaits nothing, and knows no
clock. The same snapshot, request and seed always give the same answer.
"""

# SPDX-License-Identifier: Apache-2.0
