"""What heals: replicators, the reconstructor, the sharder, auditors, updaters; what takes away: the reaper, the expirer, lifecycles.

Each runs once or forever.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.auditor import AccountAuditor, ContainerAuditor, ObjectAuditor
from pileus.object_store.daemons.container_sync import ContainerSyncer
from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.daemons.db_replicator import AccountReplicator, ContainerReplicator
from pileus.object_store.daemons.expirer import ObjectExpirer
from pileus.object_store.daemons.lifecycle import ObjectLifecycle
from pileus.object_store.daemons.object_replicator import ObjectReplicator
from pileus.object_store.daemons.reaper import AccountReaper
from pileus.object_store.daemons.reconciler import ContainerReconciler
from pileus.object_store.daemons.reconstructor import ObjectReconstructor
from pileus.object_store.daemons.sharder import ContainerSharder
from pileus.object_store.daemons.updater import ContainerUpdater, ObjectUpdater

#: name → the daemon, in the order in which a pass of all of them heals most
DAEMONS: dict[str, type[Daemon]] = {kind.name: kind for kind in (
    ObjectAuditor,
    ContainerAuditor,
    AccountAuditor,
    ObjectReplicator,
    ObjectReconstructor,
    ContainerReplicator,
    AccountReplicator,
    ContainerReconciler,
    ContainerSharder,
    ObjectUpdater,
    ContainerUpdater,
    ObjectExpirer,
    ObjectLifecycle,
    ContainerSyncer,
    AccountReaper,
)}
