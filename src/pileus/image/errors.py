"""What can go wrong with images, in Glance's words."""

# SPDX-License-Identifier: Apache-2.0
from pileus.core.errors import Conflict, Forbidden, Gone, Invalid, NotFound, OverQuota, TooLarge, UnsupportedMedia


class ImageNotFound(NotFound):
    code, message = "image.not_found", "Failed to find image {id} to show or change"


class MarkerInvalid(Invalid):
    code, message = "image.marker_invalid", "Invalid marker: image {id} could not be found."


class MemberNotFound(NotFound):
    code, message = "image.member_not_found", "Member {member} of image {id} could not be found"


class TagNotFound(NotFound):
    code, message = "image.tag_not_found", "Tag {tag} of image {id} could not be found"


class ImageIdTaken(Conflict):
    code, message = "image.id_taken", "Image ID {id} already exists!"


class ImageInWrongState(Conflict):
    code, message = "image.wrong_state", "Image {id} is {status}: {action} is not possible in this state."


class ImageNotSwitchable(Forbidden):
    code, message = "image.not_switchable", "Image {id} is {status}: {action} is only possible for an image with data."


class FormatsMissing(Invalid):
    code, message = "image.formats_missing", "Properties disk_format, container_format must be set prior to saving data."


class FormatsFixed(Forbidden):
    code, message = "image.formats_fixed", "Attribute '{name}' can only be replaced for a queued image."


class AttributeReadOnly(Forbidden):
    code, message = "image.attribute_read_only", "Attribute '{name}' is read-only."


class AttributeReserved(Forbidden):
    code, message = "image.attribute_reserved", "Attribute '{name}' is reserved."


class PropertyProtected(Forbidden):
    code, message = "image.property_protected", "Property '{name}' is protected."


class PropertyMissing(Conflict):
    code, message = "image.property_missing", "Property {name} does not exist."


class OwnerForbidden(Forbidden):
    code, message = "image.owner_forbidden", "You are not permitted to create images owned by '{owner}'."


class ImageProtected(Forbidden):
    code, message = "image.protected", "Image {id} is protected and cannot be deleted."


class ImageDeactivated(Forbidden):
    code, message = "image.deactivated", "The requested image has been deactivated. Image data download is forbidden."


class NotShareable(Forbidden):
    code, message = "image.not_shareable", "Only shared images have members."


class MembersAbsent(NotFound):
    code, message = "image.members_absent", "Only shared images have members."


class MemberExists(Conflict):
    code, message = "image.member_exists", "Project {member} is a member of image {id} already."


class MemberForbidden(Forbidden):
    code, message = "image.member_forbidden", "Only the member itself decides about its membership."


class ImageDataTooLarge(TooLarge):
    code, message = "image.data_too_large", "The image exceeds the maximum allowed size of {limit} bytes."


class StorageOverQuota(OverQuota):
    code, message = "image.storage_over_quota", "The size of the data exceeds the remaining image storage quota of {left} bytes."


class ImagesOverQuota(OverQuota):
    code, message = "image.images_over_quota", "The project has the {limit} images of its quota already."


class UploadsOverQuota(OverQuota):
    code, message = "image.uploads_over_quota", "The project has the {limit} uploads at once of its quota already."


class TooMany(TooLarge):
    code, message = "image.too_many", "The limit of {limit} {what} has been exceeded."


class ImageGone(Gone):
    code, message = "image.gone", "Image {id} was deleted while its data were uploaded."


class UploadLost(Conflict):
    code, message = "image.upload_lost", "The upload of image {id} took too long to send its data and was given up."


class UploadTimedOut(Invalid):
    code, message = "image.upload_timed_out", "No data of the image came for {seconds:g} seconds."


class ContentRefused(UnsupportedMedia):
    code, message = "image.content_refused", "The data are not what the image was declared to be."


class SignatureIncomplete(Invalid):
    code, message = "image.signature_incomplete", "The signature of the image cannot be verified: {why}."


class CertificateUnusable(Invalid):
    code, message = "image.certificate_unusable", "The signature of the image cannot be verified with certificate {id}: {why}."


class SignatureInvalid(Invalid):
    code, message = "image.signature_invalid", "Signature verification for the image failed: its data are not what was signed."


class SizeMismatch(Invalid):
    code, message = "image.size_mismatch", "The image has {size} bytes, but {declared} were announced."


class PatchMediaUnsupported(UnsupportedMedia):
    code, message = "image.patch_media_unsupported", "The content type of an update is one of {accepted}."


class ImportMethodUnknown(Invalid):
    code, message = "image.import_method_unknown", "The import method {method} is not one of: {known}."


class StoreUnknown(Invalid):
    code, message = "image.store_unknown", "There is no store {store} that images can be stored in."


class StoreAbsent(Conflict):
    code, message = "image.store_absent", "There is no store {store} that images can be stored in."


class NotInStore(NotFound):
    code, message = "image.not_in_store", "Image {id} is not stored in store {store}."


class LastCopy(Forbidden):
    code, message = "image.last_copy", "Store {store} has the only copy of the data of image {id}: delete the image instead."


class ImageCopied(Conflict):
    code, message = "image.copied", "The data of image {id} are being copied to: {stores}."


class CopyPresent(Invalid):
    code, message = "image.copy_present", "Image {id} is already present in store {store}."


class AddressRefused(Invalid):
    code, message = "image.address_refused", "The URI {uri} does not pass filtering: {why}."


class DownloadFailed(Invalid):
    code, message = "image.download_failed", "The data could not be downloaded: {why}."


class TaskMarkerInvalid(Invalid):
    code, message = "image.task_marker_invalid", "Invalid marker: task {id} could not be found."


class LocationMismatch(Invalid):
    code, message = "image.location_mismatch", "The data at the location do not have the {algorithm} digest that was given."


class LocationsMissing(Forbidden):
    code, message = "image.locations_missing", "The locations of an image cannot be set to an empty list."


class ValidationConflict(Conflict):
    code, message = "image.validation_conflict", "The image has another {name}, or was given two, or none while it had no data."


class RegionUnknown(Invalid):
    code, message = "image.region_unknown", "There is no {interface} image service in the region {region}."


class CacheAbsent(NotFound):
    code, message = "image.cache_absent", "Images are not cached here."


class ImageNotCached(NotFound):
    code, message = "image.not_cached", "Image {id} is neither cached nor queued to be."


class NotCacheable(Invalid):
    code, message = "image.not_cacheable", "Only images with data that fit into the cache can be cached: image {id} is {status}."


class TaskNotFound(NotFound):
    code, message = "image.task_not_found", "Task not found: {id}"


class RangeUnsatisfiable(TooLarge):
    status, code, message = 416, "image.range_unsatisfiable", "The range {range} is not satisfiable."
