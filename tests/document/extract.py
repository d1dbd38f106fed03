"""Extracts what tests check from OpenAI's published OpenAPI document: schemas, without their words.

    pip install pyyaml
    python3 tests/document/extract.py openapi.yaml > tests/document/openai.json

One schema stands on each line, so that a newer document shows as a small change.
"""

import json
import sys

import yaml

ROOTS = [
    "Response",
    "ResponseStreamEvent",
    "ResponseItemList",
    "CompactResource",
    "TokenCountsResource",
    "CreateResponse",
    "CreateChatCompletionRequest",
    "InputItem",
]
# Words about a schema that no value can break.
KEPT = {
    "additionalProperties",
    "allOf",
    "anyOf",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
}


def name_of(reference):
    return reference.rsplit("/", 1)[-1]


def reduced(schema):
    """The schema with only what can be checked in it."""
    if "$ref" in schema:
        return {"$ref": name_of(schema["$ref"])}
    kept = {}
    for key, value in schema.items():
        if key not in KEPT:
            continue
        if key in ("anyOf", "oneOf", "allOf"):
            # Which one of several fits does not matter here.
            key = "allOf" if key == "allOf" else "anyOf"
            value = [reduced(one) for one in value]
            if key == "anyOf" and {"type": "string"} in value:
                value = [one for one in value if "enum" not in one]
        elif key == "properties":
            value = {name: reduced(one) for name, one in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            value = reduced(value)
        if value in ({}, [], True):
            continue
        kept[key] = value
    if kept.get("anyOf") and len(kept["anyOf"]) == 1 and set(kept) <= {"anyOf", "type"}:
        kept = kept["anyOf"][0]
    if schema.get("nullable"):
        kept = {"anyOf": [kept, {"type": "null"}]}
    return kept


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    schemas = document["components"]["schemas"]
    found = {}
    wanted = list(ROOTS)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = reduced(schemas[name])
            wanted.extend(references(found[name]))
    lines = []
    for name in sorted(found):
        schema = json.dumps(found[name], separators=(",", ":"), default=str)
        lines.append(f"{json.dumps(name)}:{schema}")
    print("{" + ",\n".join(lines) + "}")


main()
