"""Documents as Postman, browsers and the writers of APIs make them. Everything in them is invented."""

from typing import Any

POSTMAN: dict[str, Any] = {
    "info": {
        "name": "CRM",
        "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
    },
    "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{access token}}", "type": "string"}]},
    "variable": [
        {"key": "baseUrl", "value": "https://api.crm.example"},
        {"key": "tenant", "value": "acme"},
        {"key": "apiSecret", "value": "s3cret", "type": "secret"},
    ],
    "event": [{"listen": "prerequest", "script": {"exec": ["pm.environment.set('x', 1)"]}}],
    "item": [
        {
            "name": "Contacts",
            "item": [
                {
                    "name": "List contacts",
                    "request": {
                        "method": "GET",
                        "header": [
                            {"key": "X-Tenant", "value": "{{tenant}}"},
                            {"key": "X-Off", "value": "1", "disabled": True},
                        ],
                        "url": {
                            "raw": "{{baseUrl}}/v1/contacts?limit=10&q=a b&off=1",
                            "host": ["{{baseUrl}}"],
                            "path": ["v1", "contacts"],
                            "query": [
                                {"key": "limit", "value": "10"},
                                {"key": "q", "value": "a b"},
                                {"key": "off", "value": "1", "disabled": True},
                            ],
                        },
                    },
                },
                {
                    "name": "One contact",
                    "request": {
                        "method": "GET",
                        "auth": {"type": "noauth"},
                        "url": {
                            "raw": "{{baseUrl}}/v1/contacts/:contactId/notes/:noteId",
                            "variable": [{"key": "contactId", "value": "42"}, {"key": "noteId", "value": ""}],
                        },
                    },
                },
                {
                    "name": "Admin",
                    "auth": {
                        "type": "apikey",
                        "apikey": [
                            {"key": "key", "value": "X-Admin-Key"},
                            {"key": "value", "value": "k-false"},
                            {"key": "in", "value": "header"},
                        ],
                    },
                    "item": [
                        {
                            "name": "Make one",
                            "event": [{"listen": "test", "script": {"exec": ["pm.test()"]}}],
                            "request": {
                                "method": "POST",
                                "header": [{"key": "Content-Type", "value": "application/json"}],
                                "body": {
                                    "mode": "raw",
                                    "raw": '{"id": "{{$guid}}", "name": "{{$randomFullName}}"}',
                                    "options": {"raw": {"language": "json"}},
                                },
                                "url": "https://api.crm.example/v1/contacts",
                            },
                        }
                    ],
                },
            ],
        },
        {
            "name": "Log in",
            "protocolProfileBehavior": {"followRedirects": False},
            "request": {
                "method": "POST",
                "auth": {"type": "basic", "basic": {"username": "ann", "password": "pw-false"}},
                "body": {
                    "mode": "urlencoded",
                    "urlencoded": [{"key": "a", "value": "1"}, {"key": "b", "value": "2", "disabled": True}],
                },
                "url": {"raw": "login.crm.example/token"},
            },
        },
        {
            "name": "Graph",
            "request": {
                "method": "POST",
                "auth": {
                    "type": "oauth2",
                    "oauth2": [
                        {"key": "authUrl", "value": "https://login.crm.example/authorize"},
                        {"key": "accessTokenUrl", "value": "https://login.crm.example/token"},
                        {"key": "scope", "value": "read"},
                    ],
                },
                "body": {"mode": "graphql", "graphql": {"query": "{ me { id } }", "variables": '{"n": 1}'}},
                "url": "https://api.crm.example/graphql",
            },
        },
        {
            "name": "Upload",
            "request": {
                "method": "POST",
                "body": {"mode": "formdata", "formdata": [{"key": "f", "type": "file", "src": "/a.png"}]},
                "url": "https://api.crm.example/files",
            },
        },
        {
            "name": "Signed",
            "request": {"auth": {"type": "awsv4", "awsv4": []}, "url": "https://api.crm.example/signed"},
        },
    ],
}

HAR: dict[str, Any] = {
    "log": {
        "version": "1.2",
        "creator": {"name": "Browser"},
        "entries": [
            {
                "_resourceType": "script",
                "request": {"method": "GET", "url": "https://app.example/app.js", "headers": []},
                "response": {"status": 200, "content": {"mimeType": "text/javascript"}},
            },
            {
                "_resourceType": "xhr",
                "request": {
                    "method": "GET",
                    "url": "https://api.app.example/v1/items?page=2#top",
                    "cookies": [{"name": "session", "value": "s-false"}],
                    "headers": [
                        {"name": ":authority", "value": "api.app.example"},
                        {"name": "accept", "value": "application/json"},
                        {"name": "authorization", "value": "Bearer t-false"},
                        {"name": "cookie", "value": "session=s-false"},
                        {"name": "sec-fetch-mode", "value": "cors"},
                        {"name": "user-agent", "value": "Mozilla/5.0"},
                        {"name": "if-none-match", "value": '"1"'},
                        {"name": "content-length", "value": "0"},
                        {"name": "x-tenant", "value": "acme"},
                    ],
                },
                "response": {"status": 200, "content": {"mimeType": "application/json"}},
            },
            {
                "request": {
                    "method": "POST",
                    "url": "https://api.app.example/v1/items",
                    "headers": [{"name": "Content-Type", "value": "application/json"}],
                    "postData": {"mimeType": "application/json", "text": '{"a": 1}'},
                },
                "response": {"status": 201, "content": {"mimeType": "application/json"}},
            },
            {
                "request": {
                    "method": "POST",
                    "url": "https://api.app.example/v1/form",
                    "headers": [],
                    "postData": {
                        "mimeType": "application/x-www-form-urlencoded",
                        "params": [{"name": "a", "value": "1"}],
                    },
                },
                "response": {"status": 0, "content": {}},
            },
            {
                "request": {
                    "method": "POST",
                    "url": "https://api.app.example/v1/photo?api_key=k-false",
                    "headers": [],
                    "postData": {
                        "mimeType": "multipart/form-data; boundary=B",
                        "params": [{"name": "f", "fileName": "a.png"}],
                    },
                },
                "response": {"status": 200, "content": {}},
            },
            {"request": {"method": "GET", "url": "data:image/png;base64,AA"}, "response": {}},
            {"request": {"method": "GET", "url": "wss://app.example/socket"}, "response": {}},
        ],
    }
}

OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1"},
    "servers": [
        {
            "url": "https://{region}.pets.example/v2/",
            "variables": {"region": {"default": "eu", "enum": ["eu", "us"]}},
        },
        {"url": "https://sandbox.pets.example"},
    ],
    "security": [{"key": []}],
    "paths": {
        "/pets": {
            "parameters": [{"$ref": "#/components/parameters/Tenant"}],
            "get": {
                "tags": ["Pets"],
                "summary": "List pets",
                "parameters": [
                    {"name": "status", "in": "query", "required": True, "schema": {"enum": ["free", "sold"]}},
                    {"name": "owner", "in": "query", "required": True, "schema": {"type": "string"}},
                    {
                        "name": "ids",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "array", "items": {"type": "integer"}, "example": [1, 2]},
                    },
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "Accept", "in": "header", "required": True, "schema": {"type": "string"}},
                ],
                "responses": {"200": {"content": {"text/csv": {}}}},
            },
            "post": {
                "tags": ["Pets"],
                "operationId": "createPet",
                "security": [{"oauth": ["pets:write"]}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                },
            },
        },
        "/pets/{petId}": {
            "get": {
                "tags": ["Pets"],
                "deprecated": True,
                "security": [],
                "parameters": [{"name": "petId", "in": "path", "required": True, "example": 7}],
            },
            "delete": {"security": [{"bearer": []}]},
        },
        "/stores/{store.id}/form": {
            "post": {
                "security": [{"basic": []}, {"key": []}],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"name": {"default": "Ann"}, "note": {"type": "string"}},
                            }
                        }
                    }
                },
            }
        },
        "/elsewhere": {"$ref": "https://evil.example/paths.yaml#/x"},
        "/part": {"post": {"requestBody": {"$ref": "file:///etc/passwd"}, "security": [{"mutual": []}]}},
    },
    "components": {
        "parameters": {"Tenant": {"name": "X-Tenant", "in": "header", "required": True, "example": "acme"}},
        "schemas": {
            "Pet": {
                "allOf": [
                    {"$ref": "#/components/schemas/Named"},
                    {
                        "type": "object",
                        "required": ["parent", "tags"],
                        "properties": {
                            "id": {"type": "integer", "readOnly": True},
                            "parent": {"$ref": "#/components/schemas/Pet"},
                            "tags": {"type": "array", "items": {"type": "string"}},
                            "born": {"type": "string", "format": "date"},
                        },
                    },
                ]
            },
            "Named": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string", "example": "Rex"}},
            },
        },
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            "basic": {"type": "http", "scheme": "basic"},
            "bearer": {"type": "http", "scheme": "Bearer"},
            "mutual": {"type": "mutualTLS"},
            "oauth": {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://login.pets.example/authorize",
                        "tokenUrl": "https://login.pets.example/token",
                        "scopes": {"pets:write": ""},
                    }
                },
            },
        },
    },
}

SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Old pets"},
    "host": "old.pets.example",
    "basePath": "/v1",
    "schemes": ["http", "https"],
    "consumes": ["application/json"],
    "produces": ["application/xml"],
    "securityDefinitions": {
        "oauth": {
            "type": "oauth2",
            "flow": "accessCode",
            "authorizationUrl": "https://login.pets.example/a",
            "tokenUrl": "https://login.pets.example/t",
        },
        "login": {"type": "basic"},
    },
    "paths": {
        "/pets": {
            "get": {
                "security": [{"oauth": ["read"]}],
                "parameters": [
                    {
                        "name": "status",
                        "in": "query",
                        "required": True,
                        "type": "array",
                        "collectionFormat": "multi",
                        "items": {"type": "string", "default": "free"},
                    }
                ],
            },
            "post": {
                "security": [{"login": []}],
                "parameters": [{"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Pet"}}],
            },
            "put": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [{"name": "name", "in": "formData", "required": True, "type": "string"}],
            },
        }
    },
    "definitions": {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}},
}
