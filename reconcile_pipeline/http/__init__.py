"""One polite HTTP client for every system: retries, limits, auth, paging, typed errors, redaction.

Knows no vendor and no Dagster; imports nothing of ours but `model`. All public names are here.
"""

from reconcile_pipeline.http.auth import BasicAuth, ClientCredentials, HeaderAuth, TokenAuth
from reconcile_pipeline.http.client import ApiClient, Later
from reconcile_pipeline.http.errors import ApiError, Certainty, ChangeError
from reconcile_pipeline.http.exchange import (
    CallStats,
    Change,
    Limits,
    Reader,
    Reply,
    Request,
    json_body,
)
from reconcile_pipeline.http.in_order import in_order
from reconcile_pipeline.http.link_paginators import (
    CursorInBody,
    ForwardOnlyLink,
    LinkHeader,
    NextUrlInBody,
)
from reconcile_pipeline.http.paginate import Page, Paginator, paginate, records_of
from reconcile_pipeline.http.paginators import (
    AfterId,
    Offset,
    PageNumber,
    SinglePage,
)
from reconcile_pipeline.http.password_login import PasswordLogin
from reconcile_pipeline.http.redaction import install_redaction, redact
from reconcile_pipeline.http.strict_json import StrictJsonError
from reconcile_pipeline.http.webhook import WebhookClient
from reconcile_pipeline.http.writer import WritingClient, as_json

__all__ = [
    "AfterId",
    "ApiClient",
    "ApiError",
    "BasicAuth",
    "CallStats",
    "Certainty",
    "Change",
    "ChangeError",
    "ClientCredentials",
    "CursorInBody",
    "ForwardOnlyLink",
    "HeaderAuth",
    "Later",
    "Limits",
    "LinkHeader",
    "NextUrlInBody",
    "Offset",
    "Page",
    "PageNumber",
    "Paginator",
    "PasswordLogin",
    "Reader",
    "Reply",
    "Request",
    "SinglePage",
    "StrictJsonError",
    "TokenAuth",
    "WebhookClient",
    "WritingClient",
    "as_json",
    "in_order",
    "install_redaction",
    "json_body",
    "paginate",
    "records_of",
    "redact",
]
