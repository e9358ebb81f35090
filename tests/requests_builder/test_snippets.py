"""A request copied for other programs: it means the same there, and nothing of it is taken for a command."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from requests_builder import snippets
from requests_builder.importing import Body, Pair, RequestDraft, is_secret_parameter, parse_curl
from requests_builder.rendering import (
    ApiKey,
    Basic,
    Bearer,
    Place,
    ascii_url,
    parameters_of,
    url_with_parameters,
)
from tests.requests_builder.curl_corpus import READ, Line, meaning_of

SECRET = "t0k $(id) 'x'"
STUB = """#!/bin/sh
for word in "$@"; do printf '%s\\0' "$word"; done
printf 'END\\0'
"""
HOSTILE = (
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "\\",
    "\\'",
    "a\nb",
    "a\r\nX: b",
    "!x !!",
    "{a,b} [1-3] *",
    "$HOME ${HOME}",
    "ü \U0001f600 \u2028",
    "-o pwned",
    "@pwned",
    "<pwned",
    "%0A",
    "\t",
    "</script>${x}`",
)


def drafts_of(text: str) -> dict[str, RequestDraft]:
    """Requests with a text at each place that takes one."""
    usual = RequestDraft(url="https://a.example/x", method="POST")
    return {
        "header": replace(usual, headers=(("X-A", " ".join(text.split())),)),
        "address": replace(
            usual, url=f"https://a.example/{' '.join(text.split())}?q={' '.join(text.split())}"
        ),
        "user name": replace(usual, authorization=Basic(text.replace(":", ""), "secret")),
        "name of a key": replace(usual, authorization=ApiKey(Place.QUERY, text, "secret")),
        "raw": replace(usual, body=Body("raw", text, media_type="text/plain")),
        "json": replace(usual, body=Body("json", json.dumps({"a": text}))),
        "form": replace(usual, body=Body("form", pairs=((text, text), ("b", text)))),
        "multipart": replace(usual, body=Body("multipart", pairs=(("a", text), ("b", text)))),
        "graphql": replace(usual, body=Body("graphql", text, variables='{"a": 1}')),
    }


CASES = {f"{place} {text!r}": draft for text in HOSTILE for place, draft in drafts_of(text).items()}


def run_in_bash(commands: list[str], folder: Path, secrets: dict[str, str]) -> list[list[str]]:
    """The arguments that curl gets of each command, from a real bash."""
    stub = folder / "curl"
    stub.write_text(STUB)
    stub.chmod(0o755)
    environment = {**secrets, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": "/nowhere"}
    done = subprocess.run(
        ["bash", "-u", "-c", "\n".join(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=True,
    )
    *runs, rest = done.stdout.decode().split("END\0")
    assert (rest, done.stderr) == ("", b"")
    return [run.split("\0")[:-1] for run in runs]


def read_again(arguments: list[str]) -> RequestDraft:
    return parse_curl(shlex.join(["curl", *arguments])).draft


def on_the_wire(draft: RequestDraft) -> dict[str, Any]:
    """What a draft means; addresses are compared as they are sent, and what is always sent is not named."""
    meaning = meaning_of(draft)
    meaning["url"] = ascii_url(meaning["url"])
    added = ("accept",) if meaning["kind"] in ("none", "form", "multipart") else ("accept", "content-type")
    meaning["headers"] = sorted(pair for pair in meaning["headers"] if pair[0].lower() not in added)
    return meaning


def without_secrets(meaning: dict[str, Any]) -> dict[str, Any]:
    """The same with SECRET for each credential, as it is where a snippet was run with it."""
    kind, *rest = meaning["authorization"] or [""]
    if kind and not (kind == "basic" and not rest[1]):
        rest[-1] = SECRET
    headers = [[name, SECRET if secret_header(name) else text] for name, text in meaning["headers"]]
    pairs = [
        (name, "k" if is_secret_parameter(name) else text) for name, text in parameters_of(meaning["url"])
    ]
    meaning["url"] = url_with_parameters(meaning["url"], pairs)
    return {**meaning, "authorization": [kind, *rest] if kind else [], "headers": headers}


def secret_header(name: str) -> bool:
    return name.lower() in ("cookie", "x-api-secret", "sec-websocket-key")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RequestDraft]:
    """Each command of the corpus, copied as cURL, run by bash and read again; secrets are all the same."""
    drafts = [line.draft for line in READ]
    secrets = dict.fromkeys(
        (name for draft in drafts for name in snippets.messages.message_of(draft).secrets), SECRET
    )
    runs = run_in_bash([snippets.curl(draft) for draft in drafts], tmp_path_factory.mktemp("bash"), secrets)
    assert len(runs) == len(READ)
    return {line.command: read_again(run) for line, run in zip(READ, runs, strict=True)}


@pytest.mark.parametrize("line", READ, ids=str)
def test_copied_as_curl_and_run_by_a_shell_it_means_the_same(
    line: Line, copied: dict[str, RequestDraft]
) -> None:
    before, after = on_the_wire(line.draft), on_the_wire(copied[line.command])

    assert without_secrets(after) == without_secrets(before)


@pytest.mark.parametrize("line", READ, ids=str)
def test_copied_as_curl_and_pasted_again_it_means_the_same(line: Line) -> None:
    before, after = on_the_wire(line.draft), on_the_wire(parse_curl(snippets.curl(line.draft)).draft)

    assert without_secrets(after) == without_secrets(before)


def with_one_line_end(pairs: tuple[Pair, ...]) -> list[Pair]:
    return [(name.replace("\r\n", "\n"), text.replace("\r\n", "\n")) for name, text in pairs]


def test_no_value_becomes_a_command_of_a_shell(tmp_path: Path) -> None:
    commands = [snippets.curl(draft) for draft in CASES.values()]
    names = {"PASSWORD": "p", "TOKEN": "t"} | {
        name: "k" for draft in CASES.values() for name in snippets.messages.message_of(draft).secrets
    }

    runs = run_in_bash(commands, tmp_path, names)

    assert [path.name for path in tmp_path.iterdir()] == ["curl"]
    for (name, draft), run in zip(CASES.items(), runs, strict=True):
        again = read_again(run)
        # A pasted command has one kind of line end.
        assert with_one_line_end(again.body.pairs) == with_one_line_end(draft.body.pairs), name
        assert again.method == draft.method, name
        if draft.body.kind in ("raw", "json"):
            assert draft.body.text in run, name
        if draft.headers:
            assert draft.headers[0] in again.headers, name


def test_no_secret_is_in_what_is_copied() -> None:
    for authorization in (Bearer("s3cret"), Basic("ann", "s3cret"), ApiKey(Place.HEADER, "X-Key", "s3cret")):
        draft = RequestDraft(url="https://a.example/x?api_key=s3cret", authorization=authorization)
        for snippet in snippets.snippets(draft):
            assert "s3cret" not in snippet.text
            assert any("environment" in note for note in snippet.notes)


def sent_by_python(draft: RequestDraft, monkeypatch: pytest.MonkeyPatch) -> requests.PreparedRequest:
    """What the library would send when the program runs."""
    sent: list[requests.PreparedRequest] = []

    def request(method: str, url: str, **given: Any) -> SimpleNamespace:
        given.pop("timeout", None), given.pop("allow_redirects", None)
        sent.append(requests.Request(method, url, **given).prepare())
        return SimpleNamespace(status_code=200, text="")

    for name in snippets.messages.message_of(draft).secrets:
        monkeypatch.setenv(name, "t0k")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "requests", SimpleNamespace(request=request))
        exec(compile(snippets.python(draft), "snippet.py", "exec"), {"print": lambda *_: None})
    return sent[0]


@pytest.mark.parametrize("draft", CASES.values(), ids=CASES)
def test_the_program_in_python_sends_each_value_as_it_is(
    draft: RequestDraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_by_python(draft, monkeypatch)

    assert sent.method == "POST"
    if draft.body.kind in ("raw", "json"):
        assert sent.body == draft.body.text.encode()
    for name, value in draft.headers:
        found: str | bytes = sent.headers[name]
        assert found in (value, value.encode(), value.encode("latin-1", "replace"))


@pytest.mark.parametrize("line", READ, ids=str)
def test_each_command_of_the_corpus_can_be_copied_as_python(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = sent_by_python(line.draft, monkeypatch)

    assert sent.method == line.draft.method


@pytest.mark.node
def test_node_reads_every_snippet_and_sends_each_value_as_it_is(tmp_path: Path) -> None:
    drafts = [*CASES.values(), *(line.draft for line in READ)]
    blocks = [f"{{\n{snippets.javascript(draft)}\n}}" for draft in drafts]
    stub = """
const sent = [];
globalThis.fetch = async (url, init) => {
  const isForm = init.body instanceof FormData || init.body instanceof URLSearchParams;
  const body = isForm ? [...init.body] : init.body;
  sent.push({ url, method: init.method, headers: init.headers, body });
  return { status: 200, text: async () => "" };
};
const log = console.log;
console.log = () => {};
"""
    program = tmp_path / "all.mjs"
    program.write_text(stub + "\n".join(blocks) + "\nlog(JSON.stringify(sent));\n")

    done = subprocess.run(["node", program], cwd=tmp_path, capture_output=True, check=True)

    assert [path.name for path in tmp_path.iterdir()] == ["all.mjs"]
    for draft, sent in zip(drafts, json.loads(done.stdout), strict=True):
        assert sent["method"] == draft.method
        assert {name for name, _ in draft.headers} <= {name for name, _ in sent["headers"]}
        if draft.body.kind in ("raw", "json", "xml"):
            assert sent["body"] == draft.body.text
        if draft.body.kind == "form":
            assert sent["body"] == [list(pair) for pair in draft.body.pairs]
