"""OpenAPI documents of versions 3.0 and 3.1, and Swagger 2.0. PURE.

operations  what there is to choose from, each as a request
servers     the address before the path
parameters  in the path, the query and the headers
carrying    request bodies
examples    values that fit a schema
securing    security schemes
references  `$ref` inside the document; others are named, and never followed
swagger     the words of version 2 in those of version 3
"""

from .operations import parse_openapi

__all__ = ["parse_openapi"]
