"""Options of image stores: a section for each store that is named, whose `type` says which of these it is."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class StoreConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    description: str = ""                   # what users are told about it
    weight: int = 0                         # of the stores that have an image, the one with the greatest weight is read

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)

    def properties(self) -> dict[str, Any]:
        """What administrators see of it in `/v2/info/stores/detail`: never a secret."""
        return {}


class FileConfig(StoreConfig, tag="file"):
    """Files of folders of this host, or of a file system that all hosts share."""

    folder: str = ""                        # where the bytes are, from the state folder on; empty: images
    more_folders: tuple[str, ...] = ()      # further folders; an image goes where most space is left

    def properties(self) -> dict[str, Any]:
        return {"data_dir": self.folder, "thin_provisioning": True}


class HttpConfig(StoreConfig, tag="http"):
    """Web servers that images are read from, and never written to; which ones, the options `web_…` say."""


class KeystoneOptions(StoreConfig):
    auth_url: str                           # where identity is, with its version: http://cloud:5000/identity/v3
    username: str = ""                      # who stores; this user's project has the objects
    password: str = ""                      # of that user
    project_name: str = ""                  # in which the objects are
    user_domain_name: str = "Default"       # where the user is known
    project_domain_name: str = "Default"    # where the project is
    application_credential_id: str = ""     # instead of user and project
    application_credential_secret: str = "" # what proves it
    region: str = ""                        # of the endpoint; empty: the first there is
    interface: Literal["public", "internal", "admin"] = "public"    # of the endpoint


class SwiftConfig(KeystoneOptions, tag="swift"):
    """An object store that speaks Swift: this cloud's own or another's."""

    container: str = "images"               # what is in it belongs to this cloud alone
    segment_bytes: Annotated[int, Meta(ge=1)] = 1 << 30     # of large objects: so many bytes are one object

    def properties(self) -> dict[str, Any]:
        return {"container": self.container, "large_object_size": self.segment_bytes, "large_object_chunk_size": self.segment_bytes}


class S3Config(StoreConfig, tag="s3"):
    """An object store that speaks S3."""

    endpoint: str                           # http://host:port
    access_key: str                         # of the user whose bucket it is
    secret_key: str                         # what requests are signed with
    bucket: str = "images"                  # made when it is missing
    prefix: str = ""                        # of all names; what begins so belongs to this cloud alone
    region: str = "us-east-1"               # that requests are signed for
    part_bytes: Annotated[int, Meta(ge=5 << 20)] = 8 << 20      # of uploads: so many are held in memory

    def properties(self) -> dict[str, Any]:
        return {"s3_store_large_object_size": self.part_bytes, "s3_store_large_object_chunk_size": self.part_bytes,
                "s3_store_thread_pools": 1}


class RbdConfig(StoreConfig, tag="rbd"):
    """A pool of a Ceph cluster; Ceph's Python modules must be installed (Debian: python3-rados and python3-rbd)."""

    pool: str = "images"                    # what is in it belongs to this cloud alone
    conf_file: str = "/etc/ceph/ceph.conf"  # where the cluster is and, by its keyring, the key of the user
    user: str = "admin"                     # who stores: client.USER of the cluster
    chunk_mib: Literal[1, 2, 4, 8, 16, 32] = 8      # the size of the objects that an image is made of
    connect_timeout_s: Annotated[int, Meta(ge=1)] = 10      # how long a cluster that does not answer is asked for at first
    threads: Annotated[int, Meta(ge=1)] = 4         # that speak with the cluster
    bindings_folder: str = "/usr/lib/python3/dist-packages"     # where rados and rbd are when this Python does not find them

    @property
    def chunk_order(self) -> int:
        """The size as the power of two that Ceph wants."""
        return (self.chunk_mib << 20).bit_length() - 1

    def properties(self) -> dict[str, Any]:
        return {"chunk_size": self.chunk_mib << 20, "pool": self.pool, "thin_provisioning": True}


AnyStore = FileConfig | HttpConfig | SwiftConfig | S3Config | RbdConfig
