"""The options of the object store."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Literal

import msgspec

from pileus.object_store.model.limits import Limits
from pileus.object_store.model.policy import StoragePolicy


class ProxyConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.proxy]"""

    account_autocreate: bool = True         # make an account when it is first used
    allow_account_management: bool = False  # whether administrators may make and delete accounts by hand
    allow_open_expired: bool = False        # whether clients may read what has expired, as long as it is there (X-Open-Expired)
    conn_timeout_s: float = 0.5             # a storage server has to take a connection within this
    node_timeout_s: float = 10.0            # and to go on with a request within this
    client_timeout_s: float = 60.0          # a client has to go on with its body within this
    error_suppression_interval_s: float = 60.0  # a server with too many errors is left alone for this long
    error_suppression_limit: int = 10       # how many errors are too many
    request_node_factor: int = 2            # devices that are asked at most, times the replicas
    recheck_s: float = 10.0                 # how long what is known of an account or container is believed


class IdentityServiceConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.identity_service]"""

    username: str = ""                      # what a cluster's proxy asks identity as: needs the role service; empty: tokens ask themselves
    password: str = ""                      # its password
    project: str = "service"                # the project that it has its role in
    user_domain: str = "Default"            # the name of the user's domain
    project_domain: str = "Default"         # and of the project's
    ca_file: str = ""                       # whom to trust when identity is asked by HTTPS; empty: whom this machine trusts


class NameCheckConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.name_check]"""

    enabled: bool = False                   # whether names are looked at
    forbidden_chars: str = "'\"`<>"         # characters that no name may have
    maximum_length: int = 255               # of a whole path
    forbidden_regexp: str = "/\\./|/\\.\\./|/\\.$|/\\.\\.$"  # what no path may contain


class DomainRemapConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.domain_remap]"""

    storage_domains: list[str] = []         # domains below which hosts are CONTAINER.ACCOUNT or ACCOUNT; none: hosts mean nothing
    path_root: str = "v1"                   # what such a path would begin with
    reseller_prefixes: list[str] = msgspec.field(default_factory=lambda: ["AUTH"])  # what accounts begin with, in whichever case
    default_reseller_prefix: str = ""       # put before other accounts; empty: they are none
    mangle_client_paths: bool = False       # take the root off paths that begin with it all the same


class CnameLookupConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.cname_lookup]"""

    storage_domains: list[str] = []         # domains that other hosts have to be aliases in; none: no host is looked up
    lookup_depth: int = 1                   # aliases of aliases that are followed
    nameservers: list[str] = []             # who is asked, as ADDRESS or ADDRESS:PORT; none: whom this machine asks


class ContainerSyncConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.container_sync]"""

    realms_file: str = ""                   # clusters and the secrets they share, as in Swift's container-sync-realms.conf; empty: none
    current: str = ""                       # which of them this is, as //REALM/CLUSTER: told by /info
    allowed_hosts: list[str] = []           # hosts that containers may be synced to, and from, by URLs, without a realm; none: no URLs


class BackendRateLimitConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.backend_rate_limit]"""

    requests_per_device_per_second: float = 0.0  # requests that one device takes a second; 0: any number
    by_method: dict[str, float] = {}        # method → how many of those
    burst_s: float = 1.0                    # what was not used of so many seconds may be used at once

    @property
    def wanted(self) -> bool:
        return bool(self.requests_per_device_per_second or self.by_method)


class EncryptionConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.encryption]"""

    root_secrets: dict[str, str] = {}       # id → at least 32 bytes in base64, from which keys are made; none: nothing is encrypted
    active_root_secret_id: str = ""         # which of them new objects get; the others are for what is there
    encrypt: bool = True                    # false: what is written from now on is not encrypted, what is there stays readable


class RateLimitConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.rate_limit]"""

    enabled: bool = False                   # whether anybody is held back
    account_ratelimit: float = 0.0          # containers made or deleted a second in one account; 0: any number
    container_ratelimits: dict[str, float] = {}  # objects in a container → writes a second from that size on
    container_listing_ratelimits: dict[str, float] = {}  # objects in a container → listings a second from that size on
    account_whitelist: list[str] = []       # accounts that are never held back
    account_blacklist: list[str] = []       # accounts that get no answer at all (497)
    max_sleep_time_s: float = 60.0          # who would have to wait longer is sent away (498)
    rate_buffer_s: float = 5.0              # what was not used of so many seconds may be used at once


class TempUser(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[[object_store.temp_auth.users]]"""

    account: str                            # the account, without its prefix
    user: str                               # the name within the account
    key: str                                # the password
    groups: list[str] = []                  # .admin, .reseller_admin, .reseller_reader, and any that access lists name
    storage_url: str = ""                   # the account's address, in which $HOST is where it was asked; empty: made up


class TempAuthConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.temp_auth]"""

    users: list[TempUser] = []              # users of the object store's own; none: there are only identity's
    auth_prefix: str = "/auth/"             # where they log in
    reseller_prefixes: list[str] = msgspec.field(default_factory=lambda: ["AUTH"])  # what their accounts begin with; the first is the usual
    require_group: dict[str, str] = {}      # prefix → the group that a request for such an account has to be in besides
    token_life_s: float = 86_400.0          # how long a token is good


class TempUrlConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.tempurl]"""

    methods: list[str] = msgspec.field(default_factory=lambda: ["GET", "HEAD", "PUT", "POST", "DELETE"])  # what URLs may be signed for
    allowed_digests: list[str] = msgspec.field(default_factory=lambda: ["sha1", "sha256", "sha512"])  # and with what


class SloConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.slo]"""

    max_manifest_segments: int = 1000       # objects that a static large object may consist of
    max_manifest_size: int = 8 << 20        # bytes of its manifest
    concurrency: int = 4                    # segments that are looked at at a time when a manifest is written


class BulkConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.bulk]"""

    max_deletes: int = 10_000               # names in one request
    max_failed_deletes: int = 1000          # failures after which it is given up
    max_containers: int = 10_000            # that an archive may make
    max_failed_extractions: int = 1000      # failures after which an archive is given up
    max_line: int = 8192                    # bytes of one name
    concurrency: int = 4                    # objects that are deleted at a time


class S3Config(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.s3]"""

    #: Regions that requests may be signed for; the first is where buckets are said to be.
    regions: list[str] = msgspec.field(default_factory=lambda: ["RegionOne", "us-east-1"])
    storage_domains: list[str] = []         # domains below which a host's name is a bucket's
    max_bucket_listing: int = 1000          # names in one page of a listing
    max_parts_listing: int = 1000           # parts, or uploads, in one page of a listing
    max_upload_part_num: int = 1000         # parts that an object may consist of
    max_multi_delete_objects: int = 1000    # objects that one request may delete
    min_segment_size: int = 5 << 20         # bytes of a part, other than the last
    s3_acl: bool = False                    # whether buckets and objects belong to the users who make them, and not to their projects
    global_names: bool = False              # whether a bucket's name is taken for all projects as soon as one has a bucket of that name
    concurrency: int = 4                    # objects that a request for many of them works on at a time


class ShardingConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.sharding]"""

    auto: bool = False                      # whether containers that grow large are given shards by themselves
    threshold: int = 1_000_000              # objects from which on a container is given shards
    rows_per_shard: int = 500_000           # objects that a new shard begins with
    shrink_below: int = 100_000             # objects below which a shard goes over into its neighbour, the last one back into its container
    merge_below: int = 750_000              # unless both together have more than this
    batch: int = 2                          # ranges that are handed over in one pass

    def __post_init__(self) -> None:
        if self.merge_below >= self.threshold:
            raise ValueError("merge_below has to be less than threshold, or shards are made and merged again and again")


class DarkDataConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store.dark_data]"""

    #: What the auditor does with objects that no container lists; with anything but "nothing" it asks for each of them.
    action: Literal["nothing", "log", "quarantine", "delete"] = "nothing"
    grace_s: float = 604_800.0              # how old such an object has to be


class ObjectStoreConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[object_store]"""

    enabled: bool = True                    # whether this process serves objects
    reseller_prefix: str = "AUTH_"          # what accounts of projects begin with
    #: Roles that may do everything in their project's account.
    operator_roles: list[str] = msgspec.field(default_factory=lambda: ["admin", "manager", "member", "swiftoperator"])
    reader_roles: list[str] = []            # roles that may read everything in their project's account
    service_prefix: str = "SERVICE_"        # what accounts begin with that only services touch, on a user's behalf
    service_roles: list[str] = msgspec.field(default_factory=lambda: ["service"])  # one of which such a service has
    reseller_admin_role: str = "ResellerAdmin"  # may do everything in every account
    replicas: int = 1                       # copies of each object when the rings are made for this process alone
    devices: int = 1                        # folders that stand for disks then
    part_power: int = 8                     # partitions then: two to the power of this
    fsync: Literal["always", "never"] = "always"  # whether an object is on the disk before it is acknowledged
    threads: int = 4                        # threads of each device; 0: none, files are handled in the event loop
    reclaim_age_s: float = 604_800.0        # how long deletions are remembered; a device that was away for longer must come back empty
    reap_delay_s: float = 0.0               # how long what is in a deleted account is kept
    mount_check: bool = False               # refuse devices that are not mount points
    ring_folder: str = ""                   # where a cluster's rings are; empty: in the state folder, made when missing
    device_folder: str = ""                 # the folder that devices are in; empty: in the state folder
    storage_listen: str = "127.0.0.1:6200"  # where the rings say that this process's devices are; only a cluster's servers listen there
    replication_listen: str = ""            # and where they say that replicators reach them; empty: at the same place
    account_listen: str = ""                # where they say that its accounts are, when each kind has a server, and rings, of its own
    container_listen: str = ""              # and its containers
    object_listen: str = ""                 # and its objects; none of the three: all are at storage_listen
    proxy_listen: str = "127.0.0.1:8080"    # where a cluster's proxy listens
    identity_url: str = ""                  # where a cluster's proxy asks who holds a token: the URL of identity's version 3
    #: The user that a cluster's proxy asks identity as. Without one nobody has keys for S3 there.
    identity_service: IdentityServiceConfig = msgspec.field(default_factory=IdentityServiceConfig)
    static_web: bool = True                 # whether containers may be web sites
    static_web_url: str = ""                # scheme and host that redirections of sites name; empty: those of the request
    cross_domain_policy: str = ""           # what /crossdomain.xml says; empty: there is none
    cors_allow_origin: list[str] = []       # sites whose browsers may ask for everything; containers add their own
    cors_expose_headers: list[str] = []     # headers that such a site's scripts see besides the usual ones
    healthcheck_disable_path: str = ""      # a file that, when it is there, takes this proxy out of a load balancer
    policies: list[StoragePolicy] = []      # storage policies; none: one, of whole copies
    #: The front: how storage servers are asked, and for how long.
    proxy: ProxyConfig = msgspec.field(default_factory=ProxyConfig)
    #: Names that are refused.
    name_check: NameCheckConfig = msgspec.field(default_factory=NameCheckConfig)
    #: Accounts and containers named by the host.
    domain_remap: DomainRemapConfig = msgspec.field(default_factory=DomainRemapConfig)
    #: Hosts that are aliases of such names.
    cname_lookup: CnameLookupConfig = msgspec.field(default_factory=CnameLookupConfig)
    #: Containers that are kept the same as others.
    container_sync: ContainerSyncConfig = msgspec.field(default_factory=ContainerSyncConfig)
    quote_etags: bool = False               # whether ETags of objects are in quotes where neither account nor container says so
    read_only: bool = False                 # whether nothing may be written, except in accounts of which an administrator says so
    read_only_allow_deletes: bool = False   # whether it may be deleted then
    list_endpoints_path: str = ""           # where anybody may ask on which servers something is, as /endpoints/; empty: nowhere
    access_log: bool = False                # whether each request has its line in the log
    #: How many requests the devices of this process take.
    backend_rate_limit: BackendRateLimitConfig = msgspec.field(default_factory=BackendRateLimitConfig)
    #: How often may be written.
    rate_limit: RateLimitConfig = msgspec.field(default_factory=RateLimitConfig)
    #: Encryption at rest.
    encryption: EncryptionConfig = msgspec.field(default_factory=EncryptionConfig)
    #: Users without Keystone.
    temp_auth: TempAuthConfig = msgspec.field(default_factory=TempAuthConfig)
    #: Temporary URLs.
    tempurl: TempUrlConfig = msgspec.field(default_factory=TempUrlConfig)
    #: Static large objects.
    slo: SloConfig = msgspec.field(default_factory=SloConfig)
    #: Many objects by one request.
    bulk: BulkConfig = msgspec.field(default_factory=BulkConfig)
    #: The API of Amazon's S3.
    s3: S3Config = msgspec.field(default_factory=S3Config)
    #: Objects that no container lists.
    dark_data: DarkDataConfig = msgspec.field(default_factory=DarkDataConfig)
    #: Shards of large containers.
    sharding: ShardingConfig = msgspec.field(default_factory=ShardingConfig)
    #: What names and metadata may be.
    limits: Limits = msgspec.field(default_factory=Limits)

    def __post_init__(self) -> None:
        own = [self.account_listen, self.container_listen, self.object_listen]
        if any(own) and (not all(own) or len(set(own)) < len(own)):
            raise ValueError("account_listen, container_listen and object_listen are three addresses, or none is given")
        if any(own) and self.replication_listen:
            raise ValueError("replication_listen is for nodes on which one server has all kinds")

    @property
    def apart(self) -> bool:
        """Whether accounts, containers and objects each have a server of their own here."""
        return bool(self.object_listen)

    def listen_of(self, kind: str) -> str:
        """Where the rings say that this node's devices are for accounts, containers or objects."""
        own = {"account": self.account_listen, "container": self.container_listen, "object": self.object_listen}
        return own[kind] or self.storage_listen
