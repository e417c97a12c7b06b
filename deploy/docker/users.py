"""Kibana's own password, and the user as whom newsloom's commands work: no more than they need.

Run as a superuser, after `newsloom setup`; can be repeated, with other passwords too.
"""

from __future__ import annotations

import os

from pipeline.config import load_settings
from pipeline.index.elasticsearch.client import ALIAS, connect

with connect(load_settings()) as client:
    client.security.change_password(
        username="kibana_system", password=os.environ["KIBANA_SYSTEM_PASSWORD"]
    )
    client.security.put_role(
        name="newsloom",
        cluster=["monitor", "manage_index_templates"],
        indices=[{"names": [f"{ALIAS}*"], "privileges": ["all"]}],
    )
    client.security.put_user(
        username="newsloom", password=os.environ["INDEX_PASSWORD"], roles=["newsloom"]
    )
print("users: kibana_system, newsloom")
