"""How a block of code that logs to a run ends, and what new children are asked for, in the SDK's words."""

from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

MOST_CHILDREN = 100


def is_success(error: "Optional[BaseException]") -> bool:
    """Whether a block that ended with this exception, or with none, went well."""
    return error is None or (isinstance(error, SystemExit) and error.code in (None, 0))


def error_of(details: "Any", code: "Any" = None) -> "Dict[str, str]":
    """Text or an exception as the error of a run.

    Raises:
        TypeError: it is neither.
    """
    found = {"code": str(code or "UserError")}
    if isinstance(details, BaseException):
        found["message"] = "User program failed with %s: %s" % (type(details).__name__, details)
    elif isinstance(details, str):
        found["message"] = details
    elif details is not None:
        raise TypeError("error_details must be instance of string or BaseException.")
    return found


def children_asked(count: "Any", tag_key: "Any", tag_values: "Any") -> "Any":
    """Tag and its values for new children, checked in the SDK's words."""
    if tag_key is None and tag_values is None and count is None:
        raise UserErrorException("Either count or tag_key and tag_values must be set")
    if tag_key is not None or tag_values is not None:
        if tag_key is None:
            raise UserErrorException("tag_key must not be null when tag_values is set")
        if tag_values is None:
            raise UserErrorException("tag_values must not be null when tag_key is set")
        if count is not None:
            raise UserErrorException("count can not be set when tag_key and tag_values are set")
    else:
        tag_key, tag_values = "azureml.batch_child_number", range(count)
    if len(tag_values) > MOST_CHILDREN:
        raise UserErrorException("create_children can not create more than 100 runs")
    return tag_key, list(tag_values)
