#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Turns an SPF suite (YAML) into lines that a C program can read.

    spf_lines.py FILE

Fields are separated by tabs; text that may hold any octet is in hex, "-" if
empty. In this order, for each scenario:

    zone  DESCRIPTION
    rr    NAME TYPE RDATA	one record, in wire form without compression
    dead  NAME TYPE		a question that is never answered, or whose
				aliases lead in a circle
    case  ID IP HELO MAIL_FROM RECEIVER RESULTS EXPLANATION

RESULTS are the acceptable ones, with commas. EXPLANATION is "any" where the
suite says nothing, "none" for its DEFAULT, else "=" and the text.
"""
import ipaddress
import sys

import yaml

TYPES = {"A": 1, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
ALIASES = 8  # that are followed


def octets(text):
    """The suites write octets as characters: \\x80 is the octet 0x80."""
    return str(text or "").encode("latin-1")


def hexed(data):
    return data.hex() or "-"


def wire_name(text):
    out = b""
    for label in octets(text).rstrip(b".").split(b"."):
        if label:
            out += bytes([len(label)]) + label
    return out + b"\0"


def wire_txt(value):
    """The strings of one TXT record; no string at all is sent as an empty one."""
    out = b""
    for string in value if isinstance(value, list) else [value]:
        data = octets(string)
        for i in range(0, max(len(data), 1), 255):
            out += bytes([len(data[i:i + 255])]) + data[i:i + 255]
    return out or b"\0"


def wire(kind, value):
    if kind == "TXT":
        return wire_txt(value)
    if kind == "MX":
        return int(value[0]).to_bytes(2, "big") + wire_name(value[1])
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    return wire_name(value)


def records(entries):
    """type -> values of a name, and whether all other questions time out.

    Records of the obsolete type SPF are there to be read as TXT, unless the
    name says anything about TXT itself; "TXT: NONE" says that there is none.
    """
    pairs = [p for e in entries if isinstance(e, dict) for p in e.items()]
    dead = "TIMEOUT" in [e for e in entries if not isinstance(e, dict)]
    has_txt = any(kind == "TXT" for kind, _ in pairs)
    found = {}
    for kind, value in pairs:
        if kind == "SPF":
            if not has_txt:
                found.setdefault("TXT", []).append(value)
        elif not (kind == "TXT" and value == "NONE"):
            found.setdefault(kind, []).append(value)
    return found, dead


def key(name):
    return octets(name).lower().rstrip(b".")


def follow(zone, name, kind):
    """What a resolver answers: (values, dead) at the end of the aliases."""
    for _ in range(ALIASES):
        found, dead = zone.get(name, ({}, False))
        if kind in found:
            return found[kind], False
        if "CNAME" not in found:
            return [], dead
        name = key(found["CNAME"][0])
    return [], True


def explanation(test):
    if "explanation" not in test:
        return "any"
    if test["explanation"] == "DEFAULT":
        return "none"
    return "=" + octets(test["explanation"]).hex()


def emit(*fields):
    print("\t".join(str(f) for f in fields))


def scenario(doc):
    emit("zone", " ".join(str(doc.get("description")
                              or doc.get("comment") or "-").split()))
    zone = {key(name): records(entries or [])
            for name, entries in (doc.get("zonedata") or {}).items()}
    for name in zone:
        for kind, number in TYPES.items():
            values, dead = follow(zone, name, kind)
            for value in values:
                emit("rr", hexed(name), number, hexed(wire(kind, value)))
            if dead:
                emit("dead", hexed(name), number)
    for name, test in doc["tests"].items():
        results = test["result"]
        emit("case", name, test["host"], hexed(octets(test.get("helo"))),
             hexed(octets(test.get("mailfrom"))),
             hexed(octets(test.get("receiver"))),
             ",".join(results if isinstance(results, list) else [results]),
             explanation(test))


with open(sys.argv[1], encoding="utf-8") as stream:
    for document in yaml.safe_load_all(stream):
        if document:
            scenario(document)
