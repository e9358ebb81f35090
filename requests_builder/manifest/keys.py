"""What things are called in the file."""

from connections.forms import PREFIX
from requests_builder.forms import pagination_keys

SECRETS = ("client_secret", "old_client_secret")
ADDRESSES_OF_SIX = ("authorization_url", "token_url")
CONNECTION_KEYS = ("name", *ADDRESSES_OF_SIX, "client_id", *SECRETS, "scopes")
REQUEST_KEYS = (
    "name",
    "method",
    "url",
    "headers",
    "body",
    "form",
    "multipart",
    "xml",
    "graphql",
    "raw",
    "authorization",
    "timeout_seconds",
    "follow_redirects",
    "variables",
    "max_response_mb",
    "retries",
    "requests_per_second",
    "statuses",
    "records",
    "mapping",
    "pagination",
    "write_mode",
    "key",
    "only_new",
    "delete_missing",
    "if_empty",
    "table",
    "schedule",
)
# What a field of a form is called in the file, where the two differ.
_KEYS_OF_FIELDS = {
    "records_path": "records",
    "table_name": "table",
    "is_secret": "secret",
    "key_fields": "key",
    "newest_field": "only_new.field",
    "newest_parameter": "only_new.parameter",
    "look_back": "only_new.look_back",
    "delete_missing_percent": "delete_missing.percent",
    "authorization_kind": "authorization",
    "connection": "authorization.oauth",
    "bearer_token": "authorization.bearer",
    "username": "authorization.basic.username",
    "password": "authorization.basic.password",
    "api_key_place": "authorization.api_key.in",
    "api_key_name": "authorization.api_key.name",
    "api_key_value": "authorization.api_key.value",
} | {name: f"pagination.{key}" for name, key in pagination_keys().items()}


def key_of(field_name: str) -> str:
    """What a field of a form is called in the file."""
    if field_name.startswith(PREFIX):
        return f"placeholders.{field_name.removeprefix(PREFIX)}"
    return _KEYS_OF_FIELDS.get(field_name, field_name)
