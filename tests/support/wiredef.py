"""wiredef.py - proto/wire.def read by Python, so that tests can ask whether the server does what the table says of every method."""
import os
import re
import uuid

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
SHA256 = re.compile(r"^[0-9a-f]{64}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
ROLES = ["NOBODY", "SIGNED_IN", "VIEWER", "ANNOTATOR", "CURATOR", "OWNER", "ADMIN"]
FRAME_BYTES = 262144  # longer values end the connection before anybody looks at them
U64_MAX = (1 << 53) - 1


class Field:
    def __init__(self, name, kind, of, required, largest):
        self.name, self.kind, self.of, self.required, self.max = name, kind, of, required, largest


class Row:
    """A method, a notice or an object: role and scope are those of methods; fields are params, results those of the answer."""

    def __init__(self, what, name, role=None, scope=None):
        self.what, self.name, self.role, self.scope = what, name, role, scope
        self.params, self.results = [], []

    @property
    def scope_param(self):
        return None if self.scope in (None, "NONE") else self.scope.lower()


def read(source):
    """{method: Row}, {object: Row}, {notice: Row}"""
    with open(os.path.join(source, "proto/wire.def"), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    defines = {name: int(value) for name, value in re.findall(r"#define (\w+) (\d+)", text)}
    methods, objects, notices, row = {}, {}, {}, None
    for line in text.splitlines():
        found = re.match(r'\s*GL_(OBJECT|METHOD|NOTICE|F|P|R)\((.*)\)\s*$', line)
        if not found:
            continue
        kind, (*parts, _) = found[1], [part.strip() for part in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", found[2])]
        if kind == "OBJECT":
            row = objects[parts[0]] = Row("object", parts[0])
        elif kind == "METHOD":
            row = Row("method", parts[0].strip('"'), parts[2], parts[3])
            methods[row.name] = row
        elif kind == "NOTICE":
            row = Row("notice", parts[0].strip('"'))
            notices[row.name] = row
        else:
            name, of_kind, of, flags, largest = parts
            field = Field(name, of_kind, of, flags == "REQ", int(largest) if largest.isdigit() else defines[largest])
            (row.results if kind == "R" else row.params).append(field)
    return methods, objects, notices


class Wire:
    def __init__(self, source):
        self.methods, self.objects, self.notices = read(source)

    # ---- is a message what the table says?

    def complaints(self, fields, value, path=""):
        """What is wrong with an object; nothing unknown may be in it either, since this is the server of this table."""
        if not isinstance(value, dict):
            return [f"{path or 'it'} is no object"]
        known = {field.name: field for field in fields}
        wrong = [f"{path}{name} is not in the table" for name in value if name not in known]
        for field in fields:
            if field.name in value:
                wrong += self.complaints_of(field, value[field.name], path + field.name)
            elif field.required:
                wrong.append(f"{path}{field.name} is missing")
        return wrong

    def complaints_of(self, field, value, path):
        if field.kind == "OBJ":
            return self.complaints(self.objects[field.of].params, value, path + ".")
        if field.kind in ("LIST", "UUIDS"):
            if not isinstance(value, list) or len(value) > field.max:
                return [f"{path} is no list of at most {field.max}"]
            if field.kind == "UUIDS":
                return [f"{path} has something that is no UUID" for item in value if not UUID.match(item)]
            return [wrong for i, item in enumerate(value) for wrong in self.complaints(self.objects[field.of].params, item, f"{path}[{i}].")]
        is_right = {
            "UUID": lambda: isinstance(value, str) and UUID.match(value),
            "SHA256": lambda: isinstance(value, str) and SHA256.match(value),
            "TIME": lambda: isinstance(value, str) and TIME.match(value),
            "STR": lambda: isinstance(value, str) and len(value.encode()) <= field.max,
            "BOOL": lambda: isinstance(value, bool),
            "U64": lambda: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= (field.max or U64_MAX),
            "I64": lambda: isinstance(value, int) and not isinstance(value, bool) and abs(value) <= U64_MAX,
            "JSON": lambda: True,
        }[field.kind]()
        return [] if is_right else [f"{path} is {value!r}, no {field.kind}"]


def wrong_values(field):
    """(what, value) pairs that a reader must refuse for this field. A list's or a part's own rules are tested elsewhere."""
    text = "x" * (field.max + 1)
    kinds = {
        "UUID": [("a number", 7), ("no UUID", "x"), ("upper case", str(uuid.uuid4()).upper()), ("too short", str(uuid.uuid4())[:-1]), ("in braces", "{" + str(uuid.uuid4()) + "}")],
        "SHA256": [("a number", 7), ("too short", "ab" * 31), ("upper case", "AB" * 32), ("not hexadecimal", "zz" * 32)],
        "U64": [("a text", "1"), ("negative", -1), ("a boolean", True)] + ([("too large", field.max + 1)] if field.max else []),
        "BOOL": [("a text", "true"), ("a number", 1)],
        "STR": [("a number", 7), ("a list", [])] + ([("too long", text)] if len(text) < FRAME_BYTES else []),
        "LIST": [("an object", {}), ("a text", "x"), ("a list of numbers", [1])],
        "JSON": [],
        "OBJ": [("a list", []), ("a text", "x")],
    }
    return kinds[field.kind] + ([("missing", None)] if field.required else [])
