"""Reading tables: a page at a time on the screen, whole as a file, and by programs.

Rows are ordered by batch, and in a batch as they came, or by the values of a column. Batches know how many
rows they have, so nothing here counts rows or walks over them: a page costs the same at the beginning and
after a million. What has to look at each row, as a search does, looks at some, shows what it found, and goes
on.

overview   the team's tables, each with how much is in it
selection  what somebody chose to see: filters, a search, an order. PURE
filters    which rows pass a filter. PURE
ordering   keys whose bytes have the order of the rows. PURE
batches    which batches are seen, and one state of a table
reading    rows in the order of their table
orders     the two orders that a page can have
sorting    keys of large tables, made in the background
pages      some rows next to a cursor
whole      all rows, as a stream
formats    how a stream is written; workbooks, parquet
history    which run brought what
feeds      addresses for other programs
"""

from requests_builder.tables import feeds, history, sorting
from requests_builder.tables.filters import InvalidFilter
from requests_builder.tables.formats import FORMATS, Format, csv_lines, json_lines, ndjson_lines
from requests_builder.tables.overview import overview
from requests_builder.tables.pages import PAGE, RowsPage, rows_count, rows_page
from requests_builder.tables.selection import EVERYTHING, Selection, from_query
from requests_builder.tables.whole import NotSortedYet, records, whole

__all__ = [
    "EVERYTHING",
    "FORMATS",
    "PAGE",
    "Format",
    "InvalidFilter",
    "NotSortedYet",
    "RowsPage",
    "Selection",
    "csv_lines",
    "feeds",
    "from_query",
    "history",
    "json_lines",
    "ndjson_lines",
    "overview",
    "records",
    "rows_count",
    "rows_page",
    "sorting",
    "whole",
]
