"""jsonld_rules.py - the MUST rules of the W3C Web Annotation Data Model (REC 2017-02-23), written from the specification.

check(document) gives the list of rules that are broken, each with the place; an empty list is a pass. The document is an Annotation, or an
AnnotationCollection with its first page embedded. Rules are named by the section of the model that they stand in.
"""
import re

CONTEXT = "http://www.w3.org/ns/anno.jsonld"
IRI = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$")
DATE_TIME = re.compile(r"^-?\d{4,}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z$")
SELECTORS = {"FragmentSelector", "CssSelector", "XPathSelector", "TextQuoteSelector", "TextPositionSelector", "DataPositionSelector", "SvgSelector", "RangeSelector"}
STATES = {"TimeState", "HttpRequestState"}


def many(value):
    return value if isinstance(value, list) else [value]


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class Checker:
    def __init__(self):
        self.broken = []

    def rule(self, holds, section, place, words):
        if not holds:
            self.broken.append(f"{section} {place}: {words}")

    def one_iri(self, owner, section, place):
        self.rule(isinstance(owner.get("id"), str) and IRI.match(owner["id"]), section, place + ".id", "must be exactly one IRI")

    def has_type(self, owner, name, section, place):
        self.rule("type" in owner and name in many(owner["type"]), section, place + ".type", f"must include {name}")

    def context(self, owner, section, place):
        values = many(owner.get("@context", []))
        self.rule(CONTEXT in values, section, place + ".@context", f"must include {CONTEXT}")
        self.rule(len(values) != 1 or isinstance(owner.get("@context"), str), section, place + ".@context", "a single value must be a string")

    def time(self, owner, name, section, place, more=False):
        if name in owner:
            values = many(owner[name]) if more else [owner[name]]
            for value in values:
                self.rule(isinstance(value, str) and DATE_TIME.match(value), section, f"{place}.{name}", "must be one xsd:dateTime with Z")

    # ---- 3 Annotations

    def annotation(self, annotation, place="annotation", embedded=False):
        if not embedded:
            self.context(annotation, "3.1", place)
        else:
            self.rule("@context" not in annotation, "5.2", place, "inside of a page there should be no @context")
        self.one_iri(annotation, "3.1", place)
        self.has_type(annotation, "Annotation", "3.1", place)
        targets = many(annotation.get("target", []))
        self.rule(len(targets) >= 1 and annotation.get("target") is not None, "3.1", place + ".target", "there must be at least one")
        self.rule(not ("body" in annotation and "bodyValue" in annotation), "3.2.5", place, "body and bodyValue must not both be there")
        if "bodyValue" in annotation:
            self.rule(isinstance(annotation["bodyValue"], str), "3.2.5", place + ".bodyValue", "must be one string")
        for i, body in enumerate(many(annotation.get("body", []))):
            self.resource(body, f"{place}.body[{i}]")
        for i, target in enumerate(targets):
            self.resource(target, f"{place}.target[{i}]")
        for name in ("created", "modified", "generated"):
            self.time(annotation, name, "3.3.1", place)
        for name in ("creator", "generator"):
            for i, agent in enumerate(many(annotation.get(name, []))):
                self.agent(agent, f"{place}.{name}[{i}]")
        self.one_or_none(annotation, ("canonical", "stylesheet"), "3.3.6", place)

    def one_or_none(self, owner, names, section, place):
        for name in names:
            self.rule(not isinstance(owner.get(name), list), section, f"{place}.{name}", "there must not be more than one")

    def agent(self, agent, place):
        if isinstance(agent, str):
            self.rule(IRI.match(agent), "3.3.2", place, "must be an IRI")
            return
        if "id" in agent:
            self.one_iri(agent, "3.3.2", place)

    # ---- 3.2 Bodies and targets, 4 Specific resources

    def resource(self, resource, place):
        if isinstance(resource, str):
            self.rule(IRI.match(resource), "3.2.1", place, "must be an IRI")
            return
        self.rule(isinstance(resource, dict), "3.2", place, "must be an IRI or an object")
        if not isinstance(resource, dict):
            return
        types = many(resource.get("type", []))
        for name in ("created", "modified"):
            self.time(resource, name, "3.3.1", place)
        self.one_or_none(resource, ("processingLanguage", "textDirection", "id"), "3.2.1", place)
        if "TextualBody" in types or "value" in resource:
            self.rule(isinstance(resource.get("value"), str), "3.2.4", place + ".value", "there must be exactly one")
        elif "Choice" in types:
            self.rule(resource.get("type") == "Choice", "3.2.7", place + ".type", "must be exactly Choice")
            for i, item in enumerate(many(resource.get("items", []))):
                self.resource(item, f"{place}.items[{i}]")
        elif "SpecificResource" in types or "source" in resource:
            self.specific(resource, place)
        else:
            self.one_iri(resource, "3.2.1", place)

    def specific(self, resource, place):
        source = resource.get("source")
        self.rule(source is not None and not isinstance(source, list), "4", place + ".source", "there must be exactly one")
        if isinstance(source, (str, dict)):
            self.resource(source, place + ".source")
        for i, selector in enumerate(many(resource.get("selector", []))):
            self.selector(selector, f"{place}.selector[{i}]")
        for i, state in enumerate(many(resource.get("state", []))):
            self.state(state, f"{place}.state[{i}]")

    def selector(self, selector, place):
        if isinstance(selector, str):
            self.rule(IRI.match(selector), "4.2", place, "must be an IRI")
            return
        kind = selector.get("type")
        self.rule(isinstance(kind, str), "4.2", place + ".type", "there must be exactly one")
        if kind in ("TextPositionSelector", "DataPositionSelector"):
            for name in ("start", "end"):
                self.rule(is_count(selector.get(name)), "4.2.5", f"{place}.{name}", "must be one non-negative integer")
            if is_count(selector.get("start")) and is_count(selector.get("end")):
                self.rule(selector["start"] <= selector["end"], "4.2.5", place, "start must not be behind end")
        elif kind == "TextQuoteSelector":
            self.rule(isinstance(selector.get("exact"), str), "4.2.4", place + ".exact", "there must be exactly one")
            for name in ("prefix", "suffix"):
                self.rule(name not in selector or isinstance(selector[name], str), "4.2.4", f"{place}.{name}", "there must not be more than one")
        elif kind in SELECTORS - {"RangeSelector", "SvgSelector"}:
            self.rule(isinstance(selector.get("value"), str), "4.2", place + ".value", "there must be exactly one")
        elif kind == "RangeSelector":
            for name in ("startSelector", "endSelector"):
                self.rule(isinstance(selector.get(name), dict), "4.2.9", f"{place}.{name}", "there must be exactly one")
        for i, refinement in enumerate(many(selector.get("refinedBy", []))):
            self.selector(refinement, f"{place}.refinedBy[{i}]")

    def state(self, state, place):
        if isinstance(state, str):
            self.rule(IRI.match(state), "4.3", place, "must be an IRI")
            return
        kind = state.get("type")
        if kind == "TimeState":
            has_range = "sourceDateStart" in state or "sourceDateEnd" in state
            self.rule(("sourceDateStart" in state) == ("sourceDateEnd" in state), "4.3.1", place, "sourceDateStart and sourceDateEnd go together")
            self.rule(not (has_range and "sourceDate" in state), "4.3.1", place, "sourceDate excludes sourceDateStart and sourceDateEnd")
            for name in ("sourceDateStart", "sourceDateEnd"):
                self.time(state, name, "4.3.1", place)
            self.time(state, "sourceDate", "4.3.1", place, more=True)
            for i, copy in enumerate(many(state.get("cached", []))):
                self.rule(isinstance(copy, str) and IRI.match(copy), "4.3.1", f"{place}.cached[{i}]", "must be an IRI")
        elif kind == "HttpRequestState":
            self.rule(isinstance(state.get("value"), str), "4.3.2", place + ".value", "there must be exactly one")
        elif "id" not in state:
            self.rule(kind in STATES, "4.3", place + ".type", "must be exactly one of the states")

    # ---- 5 Collections

    def collection(self, collection, place="collection"):
        self.context(collection, "5.1", place)
        self.one_iri(collection, "5.1", place)
        self.has_type(collection, "AnnotationCollection", "5.1", place)
        for label in many(collection.get("label", [])):
            self.rule(isinstance(label, str), "5.1", place + ".label", "must be a string")
        total = collection.get("total", 0)
        self.rule(is_count(total), "5.1", place + ".total", "must be a non-negative integer")
        if is_count(total) and total > 0:
            self.rule(isinstance(collection.get("first"), (str, dict)), "5.1", place + ".first", "there must be exactly one")
        for name in ("created", "modified", "generated"):
            self.time(collection, name, "3.3.1", place)
        if isinstance(collection.get("first"), dict):
            self.page(collection["first"], place + ".first", embedded=True)

    def page(self, page, place="page", embedded=False):
        if embedded:
            self.rule("@context" not in page, "5.2", place, "an embedded page should have no @context")
        else:
            self.context(page, "5.2", place)
        self.one_iri(page, "5.2", place)
        self.has_type(page, "AnnotationPage", "5.2", place)
        items = page.get("items")
        self.rule(isinstance(items, list) and len(items) >= 1, "5.2", place + ".items", "must be an array of one or more")
        if "startIndex" in page:
            self.rule(is_count(page["startIndex"]), "5.2", place + ".startIndex", "must be a non-negative integer")
        for i, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                self.annotation(item, f"{place}.items[{i}]", embedded=True)


def check(document):
    checker = Checker()
    if not isinstance(document, dict):
        return ["the document is not an object"]
    kinds = many(document.get("type", []))
    if "AnnotationCollection" in kinds:
        checker.collection(document)
    elif "AnnotationPage" in kinds:
        checker.page(document)
    else:
        checker.annotation(document)
    return checker.broken
