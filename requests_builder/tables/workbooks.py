"""A table as an Excel workbook.

Rows go to a file aside as they come, for the parts of a workbook are only known at its end; memory stays
small. Texts are written as texts, whatever they begin with: nothing is a formula.
"""

import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from requests_builder.mapping import ColumnType
from requests_builder.tables.ordering import as_words
from requests_builder.tables.whole import Whole

# What Excel can hold (Microsoft: Excel specifications and limits). Our columns end long before its 16,384.
ROWS_OF_A_SHEET = 1_048_576
LONGEST_CELL = 32_767
CUT = "… [cut: a cell of Excel holds 32,767 characters]"
# Excel keeps 15 digits of a number: longer ones, such as ids, are texts.
_EXACT = 10**15
_FIRST_DAY = date(1900, 3, 1)  # before it, Excel counts a day that never was
_PIECE = 64 * 1024
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd",
}


def pieces(whole: Whole, rows_of_a_sheet: int = ROWS_OF_A_SHEET) -> Iterator[bytes]:
    """The workbook, some at a time. What does not fit on a sheet goes on on the next."""
    with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        book = xlsxwriter.Workbook(file, {**_OPTIONS, "tmpdir": folder})
        _Writer(book, whole, rows_of_a_sheet).write()
        book.close()
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece


class _Writer:
    def __init__(self, book: xlsxwriter.Workbook, whole: Whole, rows_of_a_sheet: int) -> None:
        self._book, self._whole, self._rows_of_a_sheet = book, whole, rows_of_a_sheet
        self._bold: Format = book.add_format({"bold": True})
        self._day: Format = book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment: Format = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})

    def write(self) -> None:
        sheet, row = self._new_sheet(1), 1
        sheets = 1
        columns = [(name, self._whole.types.get(name, "")) for name in self._whole.columns]
        for record in self._whole.records:
            if row == self._rows_of_a_sheet:
                sheets += 1
                sheet, row = self._new_sheet(sheets), 1
            for column, (name, type_) in enumerate(columns):
                value = record.get(name)
                if value is not None:
                    self._write(sheet, row, column, value, type_)
            row += 1

    def _new_sheet(self, number: int) -> Worksheet:
        sheet: Worksheet = self._book.add_worksheet("Rows" if number == 1 else f"Rows {number}")
        sheet.freeze_panes(1, 0)
        if self._whole.columns:
            sheet.set_column(0, len(self._whole.columns) - 1, 18)
        for column, name in enumerate(self._whole.columns):
            sheet.write_string(0, column, _fitting(name), self._bold)
        return sheet

    def _write(self, sheet: Worksheet, row: int, column: int, value: Any, type_: str) -> None:
        if isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, float) or (isinstance(value, int) and abs(value) < _EXACT):
            sheet.write_number(row, column, value)
        elif type_ == ColumnType.DATE and (day := _day(value)):
            sheet.write_datetime(row, column, day, self._day)
        elif type_ == ColumnType.DATETIME and (moment := _moment(value)):
            sheet.write_datetime(row, column, moment, self._moment)
        else:
            sheet.write_string(row, column, _fitting(as_words(value)))


def _day(value: Any) -> date | None:
    try:
        day = date.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return day if day >= _FIRST_DAY else None


def _moment(value: Any) -> datetime | None:
    """In UTC: Excel knows no zones."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return moment if moment.date() >= _FIRST_DAY else None


def _fitting(text: str) -> str:
    # Excel counts in UTF-16.
    if len(text) <= LONGEST_CELL // 2 or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST_CELL:
        return text
    room = (LONGEST_CELL - len(CUT)) * 2
    return text.encode("utf-16-le", "surrogatepass")[:room].decode("utf-16-le", "ignore") + CUT
