"""One pull by dlt, as its documentation begins: a REST API source, page by page, into one table.

    python bench/pull_dlt.py URL sqlite:///PATH|postgresql://... FOLDER

Stands alone: it runs in the environment of `bench.peers`. Prints what `bench.pull` prints.
"""

import json
import os
import resource
import sys
import time
from urllib.parse import urlsplit

url, database, folder = sys.argv[1:]
os.environ |= {
    "DLT_DATA_DIR": folder,
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}

import dlt  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402

begun, usage = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
pages = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "meta.total_pages"}
items = {"path": "items", "paginator": pages, "data_selector": "data"}
source = rest_api_source(
    {"client": {"base_url": f"{url}/"}, "resources": [{"name": "items", "endpoint": items}]}
)
# Nested values stay JSON, as with us: tables for each list would cost dlt more.
source.max_table_nesting = 0
if database.startswith("postgres") and not urlsplit(database).password:
    # dlt insists on one, also where the server trusts.
    database = database.replace("@", ":unused@", 1)
kind = dlt.destinations.postgres if database.startswith("postgres") else dlt.destinations.sqlalchemy
pipeline = dlt.pipeline("bench", destination=kind(database), dataset_name="peer", pipelines_dir=folder)
pipeline.run(source, write_disposition="replace")

seconds, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
others, before = resource.getrusage(resource.RUSAGE_CHILDREN), usage.ru_utime + usage.ru_stime
cpu = used.ru_utime + used.ru_stime + others.ru_utime + others.ru_stime - before
records = pipeline.last_trace.last_normalize_info.row_counts["items"]
peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps({"records": records, "seconds": seconds, "cpu": cpu, "peak_mb": peak}))
