"""Reading tables: a page at a time on the screen, and whole as CSV and JSON.

Rows are ordered by batch, and in a batch as they came. Batches know how many rows they have, so nothing here
counts rows or walks over them: a page costs the same at the beginning and after a million.

overview  the team's tables, each with how much is in it
pages     some rows next to a cursor
whole     all rows, as a stream
"""

from requests_builder.tables.overview import overview
from requests_builder.tables.pages import PAGE, RowsPage, rows_page
from requests_builder.tables.whole import csv_lines, json_lines, ndjson_lines, records

__all__ = ["PAGE", "RowsPage", "csv_lines", "json_lines", "ndjson_lines", "overview", "records", "rows_page"]
