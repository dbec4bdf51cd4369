"""Object storage: Swift, with its ring and its self-healing.

Resources: accounts, which hold containers, which hold objects; each is a path, `/v1/ACCOUNT/CONTAINER/OBJECT`.

Parts, outermost first:
    pipeline/   features around the proxy, one file each, in a literal list: auth, large objects, listings' formats …
    proxy/      the front: which devices hold this, ask enough of them, give the best answer
    transport   the way from a proxy or daemon to a storage server: a call in this process, or HTTP; nobody above can tell
    storage/    account, container and object servers: files and SQLite databases on devices
    ring/       which devices hold a partition; pure
    daemons/    what heals: each run_once and run_forever

It is a data plane of its own: it knows neither the cloud's database nor its bus. Of the rest of the cloud it only knows a
function that says who holds a token.

What stays true:
- Everything has a timestamp and the newest wins, so that any replica may be told anything in any order, and twice.
- What was acknowledged was on a majority of the replicas' disks. What was deleted leaves a tombstone until all replicas know.
- A file or row is complete or not there: nothing half-written can be read.
- No body is ever in memory as a whole.
"""
# SPDX-License-Identifier: Apache-2.0
