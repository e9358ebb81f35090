"""The pages of OAuth connections, and the way to the provider and back."""

from .editing import create, delete, edit
from .flows import authorize, callback, flow, flow_go, flow_status
from .notices import notice_dismiss
from .pages import connection_list, detail
from .presets import preset, preset_list, save_as_preset, team_preset, team_preset_delete
from .testing import try_out

__all__ = [
    "authorize",
    "callback",
    "connection_list",
    "create",
    "delete",
    "detail",
    "edit",
    "flow",
    "flow_go",
    "flow_status",
    "notice_dismiss",
    "preset",
    "preset_list",
    "save_as_preset",
    "team_preset",
    "team_preset_delete",
    "try_out",
]
