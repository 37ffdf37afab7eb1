"""plain_yaml.py - reads the YAML that our own manifests are written in: maps and lists by indentation, [flow, lists] of scalars, {}, quoted and plain scalars.
No anchors, no block scalars, no tabs: whatever it does not know is an error, never a guess."""
import json
import re


class NotPlain(ValueError):
    pass


def scalar(text):
    if text in ("", "null", "~"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if text == "{}":
        return {}
    if text[0] == "[":
        if not text.endswith("]"):
            raise NotPlain(text)
        return [scalar(item.strip()) for item in re.findall(r'"(?:[^"\\]|\\.)*"|[^,\[\]]+', text[1:-1]) if item.strip()]
    if text[0] == '"':
        return json.loads(text)
    if text[0] in "'&*!|>%@`{":
        raise NotPlain(text)
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8)
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"-?[0-9.]+(e[0-9]+)?", text) or text.lower() in ("yes", "no", "on", "off", "y", "n"):
        raise NotPlain(f"{text}: quote it")
    return text


def lines_of(text):
    """(indent, content, line number) of what says something."""
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            raise NotPlain(f"line {number}: a tab")
        content = line.strip()
        if content and not content.startswith("#"):
            if re.search(r"\s#", re.sub(r'"[^"]*"', "", content)):
                raise NotPlain(f"line {number}: a comment behind something")
            yield len(line) - len(line.lstrip()), content, number


KEY = re.compile(r'("(?:[^"\\]|\\.)*"|[A-Za-z0-9_./-]+):(?:\s+(.*))?$')


def block(lines, at, indent):
    """The value that begins at lines[at], all of whose lines are indented by indent; and the line behind it."""
    is_list = lines[at][1].startswith("- ")
    value = [] if is_list else {}
    while at < len(lines) and lines[at][0] == indent and lines[at][1].startswith("- ") == is_list:
        _, content, number = lines[at]
        if is_list:
            inner = content[2:].lstrip()
            if KEY.match(inner):
                offset = indent + len(content) - len(inner)
                lines[at] = (offset, inner, number)
                item, at = block(lines, at, offset)
            else:
                item, at = scalar(inner), at + 1
            value.append(item)
            continue
        found = KEY.match(content)
        if not found:
            raise NotPlain(f"line {number}: {content}")
        key = json.loads(found[1]) if found[1].startswith('"') else found[1]
        if key in value:
            raise NotPlain(f"line {number}: {key} twice")
        at += 1
        if found[2] is not None:
            value[key] = scalar(found[2])
        elif at < len(lines) and (lines[at][0] > indent or (lines[at][0] == indent and lines[at][1].startswith("- "))):
            value[key], at = block(lines, at, lines[at][0])
        else:
            value[key] = None
    if at < len(lines) and lines[at][0] > indent:
        raise NotPlain(f"line {lines[at][2]}: indentation")
    return value, at


def load_all(text):
    """Every document of a text."""
    documents = []
    for part in re.split(r"^---\s*$", text, flags=re.M):
        lines = list(lines_of(part))
        if lines:
            value, at = block(lines, 0, lines[0][0])
            if at != len(lines):
                raise NotPlain(f"line {lines[at][2]}: {lines[at][1]}")
            documents.append(value)
    return documents
