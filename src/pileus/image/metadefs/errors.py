"""What can go wrong with metadata definitions."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.errors import Conflict, Forbidden, Invalid, NotFound


class NamespaceNotFound(NotFound):
    code, message = "image.metadef_namespace_not_found", "Metadata definition namespace={namespace} was not found."


class ItemNotFound(NotFound):
    code, message = "image.metadef_item_not_found", "The {what} with name={name} was not found in namespace={namespace}."


class NamespaceExists(Conflict):
    code, message = "image.metadef_namespace_exists", "The metadata definition namespace={namespace} already exists."


class ItemExists(Conflict):
    code, message = "image.metadef_item_exists", "A {what} with name={name} already exists in namespace={namespace}."


class NamespaceProtected(Forbidden):
    code, message = "image.metadef_namespace_protected", "Metadata definition namespace {namespace} is protected: {what} cannot be deleted."


class AttributeReadOnly(Forbidden):
    code, message = "image.metadef_attribute_read_only", "Attribute '{name}' is read-only."


class OwnerForbidden(Forbidden):
    code, message = "image.metadef_owner_forbidden", "You are not permitted to create namespaces owned by '{owner}'."


class DefinitionInvalid(Invalid):
    code, message = "image.metadef_invalid", "Provided object does not match schema '{schema}': {why}"
