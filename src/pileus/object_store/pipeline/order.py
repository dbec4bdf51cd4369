"""All features, and the order they are in. See docs/checklists/add-an-object-store-feature.md."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Sequence

from pileus.object_store.pipeline.access_log import AccessLog
from pileus.object_store.pipeline.archives import ExtractArchive
from pileus.object_store.pipeline.auth import Auth
from pileus.object_store.pipeline.bulk import BulkDelete
from pileus.object_store.pipeline.catch_errors import CatchErrors
from pileus.object_store.pipeline.cname_lookup import CnameLookup
from pileus.object_store.pipeline.container_sync import ContainerSync
from pileus.object_store.pipeline.copy import Copy
from pileus.object_store.pipeline.cors import Cors
from pileus.object_store.pipeline.crossdomain import CrossDomain
from pileus.object_store.pipeline.dlo import DynamicLargeObjects
from pileus.object_store.pipeline.domain_remap import DomainRemap
from pileus.object_store.pipeline.encryption import Encryption
from pileus.object_store.pipeline.etag_quoter import EtagQuoter
from pileus.object_store.pipeline.feature import Feature, Store
from pileus.object_store.pipeline.form_post import FormPost
from pileus.object_store.pipeline.gatekeeper import Gatekeeper
from pileus.object_store.pipeline.healthcheck import HealthCheck
from pileus.object_store.pipeline.info import InfoPage
from pileus.object_store.pipeline.list_endpoints import ListEndpoints
from pileus.object_store.pipeline.listing_formats import ListingFormats
from pileus.object_store.pipeline.name_check import NameCheck
from pileus.object_store.pipeline.open_expired import OpenExpired
from pileus.object_store.pipeline.quotas import Quotas
from pileus.object_store.pipeline.rate_limit import RateLimit
from pileus.object_store.pipeline.read_only import ReadOnly
from pileus.object_store.pipeline.slo import StaticLargeObjects
from pileus.object_store.pipeline.static_web import StaticWeb
from pileus.object_store.pipeline.symlink import Symlinks
from pileus.object_store.pipeline.temp_auth import TempAuth
from pileus.object_store.pipeline.tempurl import TempUrl
from pileus.object_store.pipeline.versioned_writes import VersionedWrites
from pileus.object_store.pipeline.versioning import ObjectVersioning
from pileus.object_store.s3.etags import ListedEtags
from pileus.object_store.s3.feature import S3
from pileus.object_store.s3.lock.guard import ObjectLock
from pileus.object_store.wire.message import Handler, Request, Response

#: All features, the outermost first: a request passes them downwards, its answer upwards.
PIPELINE: list[type[Feature]] = [
    AccessLog,      # knows what became of it
    CatchErrors,
    Gatekeeper,
    S3,             # its buckets may be called like any path; what it asks passes all the others
    HealthCheck,
    CrossDomain,
    CnameLookup,    # behind S3, whose clients sign the host that they know
    DomainRemap,    # paths are whole behind it
    ListEndpoints,
    NameCheck,
    Cors,           # before Auth: a browser asks first, and without a token
    InfoPage,
    EtagQuoter,     # changes what all others answer
    ListingFormats,
    ContainerSync,  # lets in another cluster
    TempUrl,        # lets in who has no token
    FormPost,       # so does this
    TempAuth,
    Auth,
    StaticWeb,      # knows who came without a token
    ReadOnly,
    RateLimit,
    Copy,
    Quotas,                 # a copy counts like any other object
    BulkDelete,
    ExtractArchive,
    ListedEtags,
    StaticLargeObjects,     # large objects are inside of Copy, which copies what they stand for
    DynamicLargeObjects,
    VersionedWrites,
    ObjectLock,
    ObjectVersioning,       # the current version is a symlink
    OpenExpired,
    Symlinks,       # what is further out sees what links stand for
    Encryption,     # innermost: nobody else sees what is stored
]


def build(store: Store, features: Sequence[type[Feature]] = PIPELINE) -> None:
    """Put those features around the proxy that the configuration wants; the result is `store.pipeline`."""
    app: Handler = store.proxy
    told: dict[str, object] = {}
    for kind in reversed(features):
        feature = store.features[kind.__name__] = kind(app, store)
        told.update(feature.info())
        if feature.wanted():
            app = feature if kind.concerns is Feature.concerns else _past(feature)
    store.pipeline = app
    store.told.update(told)


def _past(feature: Feature) -> Handler:
    """The feature, for those requests that it is about: the others do not cost a coroutine there."""
    concerns, further = feature.concerns, feature.app

    def handle(req: Request) -> Awaitable[Response]:
        return feature(req) if concerns(req) else further(req)

    return handle
