"""What placement refuses. Codes that begin with `placement.` are upstream's and shown to clients from 1.23 on."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Conflict, Invalid, NotFound


class ProviderNotFound(NotFound):
    code, message = "placement.resource_provider.not_found", "No resource provider with uuid {id} found."


class NoSuchProvider(Invalid):
    """Named in a body rather than in the path."""

    code, message = "placement.allocation.no_such_provider", "Allocation for resource provider '{id}' that does not exist."


class NoSuchClass(Invalid):
    code, message = "placement.no_such_class", "No such resource class {name}."


class NoSuchTrait(Invalid):
    code, message = "placement.no_such_trait", "No such trait(s): {name}."


class NameInvalid(Invalid):
    code = "placement.name_invalid"
    message = ("The {kind} is invalid. A valid {kind} must be no longer than 255 characters, start with the prefix \"CUSTOM_\" and use "
               "following characters: \"A\"-\"Z\", \"0\"-\"9\" and \"_\": {name}")


class QueryBad(Invalid):
    code, message = "placement.query.bad_value", "A query parameter has a value that it may not have."


class QueryMissing(Invalid):
    code, message = "placement.query.missing_value", "A query parameter is missing."


class QueryTwice(Invalid):
    code, message = "placement.query.duplicate_key", "Query parameter '{key}' may be specified only once."


class TreeInvalid(Invalid):
    code, message = "placement.tree_invalid", "Unable to {verb} resource provider {name}{id}: {why}"


class ClassInUse(Conflict):
    code = "placement.resource_class.in_use"
    message = "Error in delete resource class: Class is in use in inventory of a resource provider: {name}"


class ReshapedProviderUnknown(Invalid):
    """Upstream shows it with the code of a provider that is not found."""

    code, message = "placement.reshape.no_such_provider", "Resource provider {id} in the inventories does not exist."


class InventoryInvalid(Invalid):
    code = "placement.inventory.invalid"
    message = ("Unable to {verb} inventory for resource provider {provider}: Invalid inventory for '{resource_class}'. "
               "The reserved value is greater than {than}total.")


class InventoryAbsent(Invalid):
    code = "placement.inventory.absent"
    message = "No inventory record with resource class {resource_class} for resource provider {provider}."


class InventoryNotFound(NotFound):
    code, message = "placement.inventory.not_found", "No inventory of class {resource_class} for {provider}"


class ClassNotFound(NotFound):
    code, message = "placement.resource_class.not_found", "No such resource class {name}."


class TraitNotFound(NotFound):
    code, message = "placement.trait.not_found", "No such trait(s): {name}."


class ConcurrentUpdate(Conflict):
    """Somebody else was faster: read again and try again."""

    code, message = "placement.concurrent_update", "resource provider generation conflict"
    temporary = True


class DuplicateName(Conflict):
    code, message = "placement.duplicate_name", "Conflicting resource provider {what} already exists."


class ProviderInUse(Conflict):
    code, message = "placement.resource_provider.inuse", "Unable to delete resource provider {id}: Resource provider has allocations."


class ProviderHasChildren(Conflict):
    code = "placement.resource_provider.cannot_delete_parent"
    message = "Unable to delete parent resource provider {id}: It has child resource providers."


class InventoryInUse(Conflict):
    code, message = "placement.inventory.inuse", "Inventory for '{resource_class}' on resource provider '{provider}' in use."


class InventoryExists(Conflict):
    code, message = "placement.inventory.exists", "Update conflict: Inventory of {resource_class} exists already."


class ClassExists(Conflict):
    code, message = "placement.resource_class.exists", "Conflicting resource class already exists: {name}"


class NoInventory(Conflict):
    code = "placement.allocation.no_inventory"
    message = "Unable to allocate inventory: Inventory for '{resource_class}' on resource provider '{provider}' invalid."


class NoCapacity(Conflict):
    code = "placement.allocation.no_capacity"
    message = ("Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider '{provider}'. "
               "The requested amount would exceed the capacity.")


class UnitViolated(NoCapacity):
    """The amount is not one of the portions in which the inventory is handed out."""

    code = "placement.allocation.unit_violated"
    message = ("Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider '{provider}'. "
               "The requested amount would violate inventory constraints.")


class NameInUse(Conflict):
    code, message = "placement.name_in_use", "Error in delete {kind}: The {kind} {name} is in use by a resource provider."


class StandardName(Invalid):
    code, message = "placement.standard_name", "Cannot {verb} standard {kind} {name}."
