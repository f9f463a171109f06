"""Puts the parts together: the only place that picks adapters.

Imports stand inside the functions, so that a command pays only for what it uses.
"""

from offpeakd.app.configuration import (
    calendar,
    clouds_of,
    load_settings,
    policy,
    rules_of,
)
from offpeakd.app.credentials import check_credentials, credential_problems
from offpeakd.app.daemon_configuration import (
    DaemonConfiguration,
    daemon_configuration,
    read_daemon_configuration,
    read_while_loading,
)
from offpeakd.app.databases import check_database, database_schema, open_store, upgrade_database
from offpeakd.app.running import run_daemon
from offpeakd.app.served import Served
from offpeakd.app.surroundings import system_clock, versions
from offpeakd.app.targets import LaneParts, lane_of, reconciler

__all__ = [
    "DaemonConfiguration",
    "LaneParts",
    "Served",
    "calendar",
    "check_credentials",
    "check_database",
    "clouds_of",
    "credential_problems",
    "daemon_configuration",
    "database_schema",
    "lane_of",
    "load_settings",
    "open_store",
    "policy",
    "read_daemon_configuration",
    "read_while_loading",
    "reconciler",
    "rules_of",
    "run_daemon",
    "system_clock",
    "upgrade_database",
    "versions",
]
