#!/usr/bin/env python3
"""Reduces an API document of the engine (its swagger file, docs/api/vX.Y.yaml of moby) to what the client can send:

    generate.py v1.41.yaml > 1.41.json

For each operation: method, path, query keys and the fields of the body, nested ones with dots; a key of a map is *.
"""
import json
import sys

import yaml

doc = yaml.safe_load(open(sys.argv[1]))


def resolve(schema):
    while "$ref" in schema:
        schema = doc["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def fields(schema, prefix, seen):
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return
        seen = seen | {schema["$ref"]}
        schema = resolve(schema)
    for part in schema.get("allOf", []):
        yield from fields(part, prefix, seen)
    for name, value in schema.get("properties", {}).items():
        yield prefix + name
        yield from fields(value, prefix + name + ".", seen)
    if "items" in schema:
        yield from fields(schema["items"], prefix, seen)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from fields(schema["additionalProperties"], prefix + "*.", seen)


operations = {}
for path, methods in doc["paths"].items():
    for method, operation in methods.items():
        if "operationId" not in operation:
            continue
        parameters = operation.get("parameters", []) + methods.get("parameters", [])
        body = [p["schema"] for p in parameters if p["in"] == "body"]
        operations[operation["operationId"]] = {
            "method": method.upper(),
            "path": path,
            "query": sorted(p["name"] for p in parameters if p["in"] == "query"),
            "body": sorted(set(fields(body[0], "", frozenset()))) if body else [],
        }

wanted = """ContainerArchive ContainerArchiveInfo ContainerAttach ContainerCreate ContainerDelete ContainerExec ContainerInspect
ContainerKill ContainerList ContainerLogs ContainerPrune ContainerStart ContainerStats ContainerStop ContainerWait ExecInspect
ExecStart ImageCreate ImageDelete ImageInspect ImageList ImageLoad ImagePrune NetworkConnect NetworkCreate NetworkDelete
NetworkDisconnect NetworkInspect NetworkList NetworkPrune PutContainerArchive SystemDataUsage SystemEvents SystemInfo SystemPing
SystemVersion VolumeCreate VolumeDelete VolumeInspect VolumeList VolumePrune""".split()
json.dump({name: operations[name] for name in wanted}, sys.stdout, indent=1, sort_keys=True)
print()
