"""One operation of a Bulk request, as it was sent (RFC 7644 §3.7). Pure."""

from dataclasses import dataclass, field
from typing import Any, Final

from scim import bulk_references, protocol
from scim.errors import Code, ScimError

KINDS: Final = frozenset({"Users", "Groups"})
CHANGES: Final = frozenset({"PUT", "PATCH", "DELETE"})


@dataclass(slots=True, eq=False)
class Operation:
    """One operation as it was sent, and its result once it was carried out. `kind` is Users or Groups."""

    method: str
    path: str
    kind: str
    resource_id: str
    bulk_id: str
    data: dict[str, Any]
    version: str | None
    refusal: ScimError | None = None
    result: dict[str, Any] | None = None
    waits_for: set[str] = field(default_factory=set)


def read(written: Any, index: int) -> Operation:
    """Return one operation; what is wrong with it is its own refusal, and stops no other."""
    fields: dict[str, Any] = {}
    refusal = None
    try:
        fields = protocol.named_once(written) if isinstance(written, dict) else {}
    except ScimError as error:
        refusal = error
    method, path, bulk_id = fields.get("method"), fields.get("path"), fields.get("bulkid")
    data, version = fields.get("data"), fields.get("version")
    if isinstance(data, list) and str(method).upper() == "PATCH":
        data = {"Operations": data}  # as RFC 7644's own example in §3.7.3 has it, without the message around
    operation = Operation(
        method=method.upper() if isinstance(method, str) else "",
        path=path if isinstance(path, str) else "",
        kind="",
        resource_id="",
        bulk_id=bulk_id if isinstance(bulk_id, str) else "",
        data=data if isinstance(data, dict) else {},
        version=version if isinstance(version, str) else None,
    )
    parts = operation.path.partition("?")[0].strip("/").split("/")
    operation.kind, operation.resource_id = parts[0], "/".join(parts[1:])
    why = ""
    if operation.method == "POST":
        if operation.kind not in KINDS or operation.resource_id:
            why = "a POST goes to /Users or /Groups"
        elif not operation.bulk_id:
            why = "a POST needs a bulkId"
    elif operation.method not in CHANGES or operation.kind not in KINDS or not operation.resource_id:
        why = "method and path are not those of a resource"
    if not why and operation.method != "DELETE" and not isinstance(data, dict):
        why = "data must be an object"
    if why:
        operation.refusal = refusal or ScimError(Code.BULK_OPERATION, index=index, why=why)
    else:
        operation.waits_for = bulk_references.named([operation.data, operation.resource_id])
    return operation
