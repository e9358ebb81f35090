"""From records to rows: which fields of a record become which columns, and of what type. PURE.

types      the types of columns
fields     a mapping, as people choose it and as it is stored
values     one value as its column wants it
walking    going through records by their keys
unfolding  a list in a record that becomes rows
watching   fields that nobody has mapped
saying     what is said about other fields than the mapping knows
compiling  a mapping made ready for a run
inference  what the fields of a sample are
drift      a mapping beside what answers have now
trying     a mapping tried on a sample
"""

from .compiling import AsTheyCome, CompiledMapping, MappingFrozen, Rows, started
from .drift import Difference, accepted, difference
from .fields import Arrays, Column, Drift, FieldMapping, InvalidMapping, from_config, to_config, to_entry
from .inference import Field, fields_of
from .trying import Choice, Trial, tried
from .types import ColumnType, merged, together, type_of, types_of
from .watching import Findings

__all__ = [
    "Arrays",
    "AsTheyCome",
    "Choice",
    "Column",
    "ColumnType",
    "CompiledMapping",
    "Difference",
    "Drift",
    "Field",
    "FieldMapping",
    "Findings",
    "InvalidMapping",
    "MappingFrozen",
    "Rows",
    "Trial",
    "accepted",
    "difference",
    "fields_of",
    "from_config",
    "merged",
    "started",
    "to_config",
    "to_entry",
    "together",
    "tried",
    "type_of",
    "types_of",
]
