"""What the pretended cloud says no with: codes of the public error tables, with their status."""

from enum import Enum
from typing import Final, NamedTuple


class Layer(Enum):
    """Who refuses: each writes another body."""

    SERVICE = "service"
    GATEWAY = "gateway"
    IAM = "iam"


class RefusedError(Exception):
    """The pretended cloud refuses a call.

    Attributes:
        status: HTTP status of the answer.
        code: such as `DBS.200011`.
        message: its text.
        layer: who refuses.
    """

    def __init__(self, status: int, code: str, message: str, layer: Layer = Layer.SERVICE) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.layer = layer

    def document(self, request_id: str) -> dict[str, object]:
        """The error body in the shape of its layer."""
        if self.layer is Layer.IAM:
            title = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}
            return {
                "error": {
                    "code": self.status,
                    "message": self.message,
                    "title": title.get(self.status, "Internal Server Error"),
                }
            }
        body: dict[str, object] = {"error_code": self.code, "error_msg": self.message}
        if self.layer is Layer.GATEWAY:
            body["request_id"] = request_id
        return body


class InstanceRefusal(NamedTuple):
    """Why an instance can't be upgraded now: an entry of a batch, or the answer to one call."""

    code: str
    message: str
    status: int


UPGRADE_RUNS: Final = InstanceRefusal(
    "DBS.200011", "The status of DB instance does not allow the operation.", 403
)
OTHER_ACTION: Final = InstanceRefusal(
    "DBS.200019", "Another operation is being performed on the DB instance.", 403
)
NOT_AVAILABLE: Final = InstanceRefusal(
    "DBS.200018", "The DB instance or one of its nodes is not available.", 403
)
FROZEN: Final = InstanceRefusal("DBS.200047", "The DB instance is frozen.", 400)
NO_INSTANCE: Final = InstanceRefusal("DBS.200002", "The DB instance does not exist.", 404)
WRONG_MODE: Final = InstanceRefusal(
    "DBS.280342", "The operation does not fit the mode of the DB instance.", 400
)
WRONG_VERSION: Final = InstanceRefusal(
    "DBS.200041", "The operation does not fit the version of the DB instance.", 400
)
CURRENT: Final = InstanceRefusal(
    "DBS.05000008", "The DB instance already has the latest version.", 400
)


def of_instance(refusal: InstanceRefusal) -> RefusedError:
    """The refusal of a call that concerns one instance alone."""
    return RefusedError(refusal.status, refusal.code, refusal.message)


def parameter(message: str) -> RefusedError:
    """A parameter is wrong."""
    return RefusedError(400, "DBS.280001", message)


def malformed_id(instance_id: str) -> RefusedError:
    """An instance id of the wrong form."""
    return RefusedError(400, "DBS.280404", f"Invalid instance ID {instance_id[:64]!r}.")


def no_resource() -> RefusedError:
    """A job that doesn't exist, or isn't shown yet."""
    return RefusedError(400, "DBS.280016", "The resource does not exist.")


def no_permission() -> RefusedError:
    """The user's policies don't allow the call."""
    return RefusedError(403, "DBS.280032", "The user does not have the permission.")


def broken() -> RefusedError:
    """An error inside the service."""
    return RefusedError(500, "DBS.280005", "Server error.")


def no_api() -> RefusedError:
    """No such path and method."""
    return RefusedError(
        404, "APIGW.0101", "The API does not exist or has not been published.", Layer.GATEWAY
    )


def bad_signature(why: str) -> RefusedError:
    """A signature, key or clock that the gateway doesn't accept."""
    message = f"Incorrect IAM authentication information: {why}"
    return RefusedError(401, "APIGW.0301", message, Layer.GATEWAY)


def bad_token(why: str) -> RefusedError:
    """A token that is unknown, expired or of another scope."""
    message = f"The token must be updated: {why}"
    return RefusedError(401, "APIGW.0307", message, Layer.GATEWAY)


def wrong_project() -> RefusedError:
    """A project that the caller's key or token doesn't belong to."""
    return RefusedError(403, "APIGW.0310", "The project is unavailable.", Layer.GATEWAY)


def throttled(limit: int) -> RefusedError:
    """Too many calls within a minute."""
    message = f"The throttling threshold has been reached: limit:{limit},time:1 minute"
    return RefusedError(429, "APIGW.0308", message, Layer.GATEWAY)


def timed_out() -> RefusedError:
    """The service behind the gateway took too long."""
    return RefusedError(504, "APIGW.0201", "Backend timeout.", Layer.GATEWAY)


def bad_request(message: str, status: int = 400) -> RefusedError:
    """A call that the gateway can't read."""
    return RefusedError(status, "APIGW.0201", message, Layer.GATEWAY)


def iam_refuses(status: int, message: str) -> RefusedError:
    """IAM's own refusal."""
    return RefusedError(status, f"IAM.{status}", message, Layer.IAM)
