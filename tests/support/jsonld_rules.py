"""jsonld_rules.py - the MUST rules of the W3C Web Annotation Data Model (REC 2017-02-23), written from the specification.

check(document) gives the rules that are broken, each as "NUMBER place: words"; an empty list is a pass. The document is an Annotation, an
AnnotationPage, or an AnnotationCollection with or without its first page embedded. check_text(text) reads what `gloss export` writes in any of its forms.

RULES has every MUST that a document can break, numbered by section and by its order there. BEYOND has those that are about what software does with a
document, or that cannot be seen in one. With `texts` (the text of each source IRI) the rules on positions and quotes are checked against the words.
"""
import json
import re
from xml.dom import minidom
from xml.parsers.expat import ExpatError

CONTEXT = "http://www.w3.org/ns/anno.jsonld"
IRI = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$")
DATE_TIME = re.compile(r"^-?\d{4,}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z$")

RULES = {
    "3.1-1": "an Annotation has 1 or more @context values, and http://www.w3.org/ns/anno.jsonld is one of them",
    "3.1-2": "a @context with only one value is a string",
    "3.1-3": "an Annotation has exactly 1 IRI that identifies it",
    "3.1-4": "an Annotation has 1 or more types, and Annotation is one of them",
    "3.1-5": "an Annotation has 1 or more targets",
    "3.2.1-1": "an external resource has exactly 1 id, its IRI",
    "3.2.1-2": "textDirection is ltr, rtl or auto",
    "3.2.4-1": "a TextualBody has exactly 1 value, a string",
    "3.2.5-1": "an Annotation with a bodyValue has no body",
    "3.2.5-2": "bodyValue is a single string, without data type or language",
    "3.2.7-1": "a Choice has exactly 1 type, Choice",
    "3.3.1-1": "there is not more than 1 created",
    "3.3.1-2": "created is an xsd:dateTime in UTC, with Z",
    "3.3.1-3": "there is not more than 1 generated",
    "3.3.1-4": "generated is an xsd:dateTime in UTC, with Z",
    "3.3.1-5": "there is not more than 1 modified",
    "3.3.1-6": "modified is an xsd:dateTime in UTC, with Z",
    "3.3.2-1": "an Agent has not more than 1 IRI",
    "3.3.3-1": "the properties and classes of an audience begin with schema:",
    "3.3.6-1": "rights are IRIs",
    "4-1": "a Specific Resource has exactly 1 source",
    "4.2-1": "a selector has exactly 1 type, that of its kind",
    "4.2.1-1": "a FragmentSelector has exactly 1 value",
    "4.2.1-2": "a FragmentSelector has not more than 1 conformsTo",
    "4.2.2-1": "a CssSelector has exactly 1 value",
    "4.2.3-1": "an XPathSelector has exactly 1 value",
    "4.2.4-1": "a TextQuoteSelector has exactly 1 exact",
    "4.2.4-2": "a TextQuoteSelector has not more than 1 prefix",
    "4.2.4-3": "a TextQuoteSelector has not more than 1 suffix",
    "4.2.4-4": "a quote is made of whole code points in logical order, as the text has them",
    "4.2.5-1": "a TextPositionSelector has exactly 1 start, a non-negative integer",
    "4.2.5-2": "a TextPositionSelector has exactly 1 end, a non-negative integer",
    "4.2.5-3": "positions count the same text, in code points, as the quote",
    "4.2.6-1": "a DataPositionSelector has exactly 1 start",
    "4.2.6-2": "a DataPositionSelector has exactly 1 end",
    "4.2.7-1": "the value of an SvgSelector is well-formed SVG, and there is not more than 1",
    "4.2.8-1": "a RangeSelector has exactly 1 startSelector",
    "4.2.8-2": "a RangeSelector has exactly 1 endSelector",
    "4.3-1": "a state has exactly 1 type, that of its kind",
    "4.3.1-1": "sourceDate is an xsd:dateTime in UTC, with Z",
    "4.3.1-2": "sourceDate excludes sourceDateStart and sourceDateEnd",
    "4.3.1-3": "sourceDateStart is an xsd:dateTime in UTC, with Z",
    "4.3.1-4": "sourceDateStart needs sourceDateEnd",
    "4.3.1-5": "sourceDateEnd is an xsd:dateTime in UTC, with Z",
    "4.3.1-6": "sourceDateEnd needs sourceDateStart",
    "4.3.2-1": "an HttpRequestState has exactly 1 value",
    "4.4-1": "a stylesheet that has a type is a CssStylesheet",
    "5.1-1": "a Collection has 1 or more @context values, and http://www.w3.org/ns/anno.jsonld is one of them",
    "5.1-2": "a Collection has exactly 1 IRI that identifies it",
    "5.1-3": "a Collection has 1 or more types, and AnnotationCollection is one of them",
    "5.1-4": "the labels of a Collection are strings",
    "5.1-5": "the total of a Collection is a non-negative integer",
    "5.1-6": "a Collection with a total above 0 has exactly 1 first page",
    "5.2-1": "a Page that is not embedded has 1 or more @context values, and http://www.w3.org/ns/anno.jsonld is one of them",
    "5.2-2": "a Page has exactly 1 IRI",
    "5.2-3": "a Page has 1 or more types, and AnnotationPage is one of them",
    "5.2-4": "a Page has an array of 1 or more Annotations as its items",
    "5.2-5": "a Page that is not the last one has the IRI of the next",
    "5.2-6": "a Page has not more than 1 startIndex, a non-negative integer",
}

BEYOND = {
    "3.2.5": "how a bodyValue is interpreted (as text/plain, nothing inferred from the Annotation): what readers do",
    "3.3.7": "systems do not change or delete canonical: about two documents; Gloss writes none",
    "4.2": "consumers pick one of several selected segments, if they differ: what readers do",
    "4.2.4": "the text is normalized (tags removed, entities replaced) before recording: Gloss's texts are plain",
    "4.2.7": "the SVG's dimensions relate to the image's: needs the image",
    "4.3": "consumers pick one of several representations, and process states before selectors: what readers do",
    "4.4": "publishers do not rely on styles; a styleClass without a style is ignored: what readers do",
}

CONTEXTS = {"Annotation": "3.1-1", "Collection": "5.1-1", "Page": "5.2-1"}
VALUE_RULES = {"FragmentSelector": "4.2.1-1", "CssSelector": "4.2.2-1", "XPathSelector": "4.2.3-1"}
SELECTORS = {*VALUE_RULES, "TextQuoteSelector", "TextPositionSelector", "DataPositionSelector", "SvgSelector", "RangeSelector"}
STATES = {"TimeState", "HttpRequestState"}
AUDIENCE_PLAIN = {"id", "type"}


def many(value):
    return value if isinstance(value, list) else [value]


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_iri(value):
    return isinstance(value, str) and bool(IRI.match(value))


class Checker:
    def __init__(self, texts=None):
        self.broken, self.texts = [], texts or {}

    def rule(self, number, place, holds):
        if not holds:
            self.broken.append(f"{number} {place}: {RULES[number]}")

    def context(self, owner, number, place):
        values = many(owner.get("@context", []))
        self.rule(number, place + ".@context", CONTEXT in values)
        self.rule("3.1-2", place + ".@context", len(values) != 1 or isinstance(owner.get("@context"), str))

    def has_type(self, owner, name, number, place):
        self.rule(number, place + ".type", name in many(owner.get("type", [])))

    def times(self, owner, place, names=("created", "generated", "modified")):
        numbers = {"created": ("3.3.1-1", "3.3.1-2"), "generated": ("3.3.1-3", "3.3.1-4"), "modified": ("3.3.1-5", "3.3.1-6")}
        for name in names:
            if name in owner:
                self.rule(numbers[name][0], f"{place}.{name}", not isinstance(owner[name], list))
                for value in many(owner[name]):
                    self.rule(numbers[name][1], f"{place}.{name}", isinstance(value, str) and DATE_TIME.match(value))

    # ---- 3 Annotations

    def annotation(self, annotation, place="annotation", embedded=False):
        if not embedded or "@context" in annotation:
            self.context(annotation, "3.1-1", place)
        self.rule("3.1-3", place + ".id", is_iri(annotation.get("id")))
        self.has_type(annotation, "Annotation", "3.1-4", place)
        targets = many(annotation.get("target", []))
        self.rule("3.1-5", place + ".target", len(targets) >= 1 and None not in targets)
        self.rule("3.2.5-1", place, not ("body" in annotation and "bodyValue" in annotation))
        self.rule("3.2.5-2", place + ".bodyValue", isinstance(annotation.get("bodyValue", ""), str))
        for name in ("body", "target"):
            for i, resource in enumerate(many(annotation.get(name, []))):
                self.resource(resource, f"{place}.{name}[{i}]")
        self.times(annotation, place)
        self.others(annotation, place)
        for i, sheet in enumerate(many(annotation.get("stylesheet", []))):
            self.rule("4.4-1", f"{place}.stylesheet[{i}]", not isinstance(sheet, dict) or sheet.get("type", "CssStylesheet") == "CssStylesheet")

    def others(self, owner, place):
        """3.3.2 to 3.3.6, which all resources may have."""
        for name in ("creator", "generator"):
            for i, agent in enumerate(many(owner.get(name, []))):
                self.rule("3.3.2-1", f"{place}.{name}[{i}]", is_iri(agent) if isinstance(agent, str) else isinstance(agent, dict) and is_iri(agent.get("id", "a:b")))
        for i, audience in enumerate(many(owner.get("audience", []))):
            if isinstance(audience, dict):
                names = [name for name in audience if name not in AUDIENCE_PLAIN] + many(audience.get("type", []))
                self.rule("3.3.3-1", f"{place}.audience[{i}]", all(name.startswith("schema:") for name in names))
        for i, rights in enumerate(many(owner.get("rights", []))):
            self.rule("3.3.6-1", f"{place}.rights[{i}]", is_iri(rights.get("id") if isinstance(rights, dict) else rights))

    # ---- 3.2 Bodies and targets, 4 Specific resources

    def resource(self, resource, place):
        if not isinstance(resource, dict):
            self.rule("3.2.1-1", place, is_iri(resource))
            return
        types = many(resource.get("type", []))
        self.times(resource, place, ("created", "modified"))
        self.others(resource, place)
        if "textDirection" in resource:
            self.rule("3.2.1-2", place + ".textDirection", resource["textDirection"] in ("ltr", "rtl", "auto"))
        self.rule("3.2.1-1", place + ".id", "id" not in resource or is_iri(resource["id"]))
        if "SpecificResource" in types or "source" in resource or "selector" in resource:
            self.specific(resource, place)
        elif "TextualBody" in types or "value" in resource:
            self.rule("3.2.4-1", place + ".value", isinstance(resource.get("value"), str))
        elif "Choice" in types or "items" in resource:
            self.rule("3.2.7-1", place + ".type", resource.get("type") == "Choice")
            for i, item in enumerate(many(resource.get("items", []))):
                self.resource(item, f"{place}.items[{i}]")
        else:
            self.rule("3.2.1-1", place + ".id", is_iri(resource.get("id")))

    def specific(self, resource, place):
        source = resource.get("source")
        self.rule("4-1", place + ".source", source is not None and not isinstance(source, list))
        if isinstance(source, (str, dict)):
            self.resource(source, place + ".source")
        text = self.texts.get(source.get("id") if isinstance(source, dict) else source if isinstance(source, str) else None)
        for i, selector in enumerate(many(resource.get("selector", []))):
            self.selector(selector, f"{place}.selector[{i}]", text)
        self.same_place([one for one in many(resource.get("selector", [])) if isinstance(one, dict)], place, text)
        for i, state in enumerate(many(resource.get("state", []))):
            self.state(state, f"{place}.state[{i}]")

    def same_place(self, selectors, place, text):
        """Position and quote of one resource, held against the text that they count."""
        positions = [one for one in selectors if one.get("type") == "TextPositionSelector" and is_count(one.get("start")) and is_count(one.get("end"))]
        quotes = [one for one in selectors if one.get("type") == "TextQuoteSelector" and isinstance(one.get("exact"), str)]
        for position in positions:
            self.rule("4.2.5-3", place, position["start"] <= position["end"] and (text is None or position["end"] <= len(text)))
            for quote in quotes:
                self.rule("4.2.5-3", place, position["end"] - position["start"] == len(quote["exact"]))
                before, behind = quote.get("prefix", ""), quote.get("suffix", "")
                if text is not None and isinstance(before, str) and isinstance(behind, str):
                    start, end = position["start"], position["end"]
                    self.rule("4.2.5-3", place, text[start:end] == quote["exact"] and text[:start].endswith(before) and text[end:].startswith(behind))

    def selector(self, selector, place, text=None):
        if isinstance(selector, str):
            self.rule("3.2.1-1", place, is_iri(selector))
            return
        kind = selector.get("type")
        self.rule("4.2-1", place + ".type", kind in SELECTORS if isinstance(kind, str) else "SvgSelector" in many(kind))
        kind = kind if isinstance(kind, str) else "SvgSelector"
        if kind in VALUE_RULES:
            self.rule(VALUE_RULES[kind], place + ".value", isinstance(selector.get("value"), str))
            self.rule("4.2.1-2", place + ".conformsTo", kind != "FragmentSelector" or not isinstance(selector.get("conformsTo"), list))
        elif kind == "TextQuoteSelector":
            self.quote(selector, place, text)
        elif kind in ("TextPositionSelector", "DataPositionSelector"):
            section = "4.2.5" if kind[0] == "T" else "4.2.6"
            for i, name in enumerate(("start", "end")):
                value = selector.get(name)
                self.rule(f"{section}-{i + 1}", f"{place}.{name}", is_count(value))
        elif kind == "SvgSelector" and "value" in selector:
            self.rule("4.2.7-1", place + ".value", is_svg(selector["value"]))
        elif kind == "RangeSelector":
            for i, name in enumerate(("startSelector", "endSelector")):
                self.rule(f"4.2.8-{i + 1}", f"{place}.{name}", isinstance(selector.get(name), dict))
                if isinstance(selector.get(name), dict):
                    self.selector(selector[name], f"{place}.{name}", text)
        for i, refinement in enumerate(many(selector.get("refinedBy", []))):
            self.selector(refinement, f"{place}.refinedBy[{i}]")

    def quote(self, selector, place, text):
        self.rule("4.2.4-1", place + ".exact", isinstance(selector.get("exact"), str))
        for number, name in (("4.2.4-2", "prefix"), ("4.2.4-3", "suffix")):
            self.rule(number, f"{place}.{name}", isinstance(selector.get(name, ""), str))
        whole = "".join(value for value in (selector.get(name, "") for name in ("prefix", "exact", "suffix")) if isinstance(value, str))
        halves = any(0xd800 <= ord(char) <= 0xdfff for char in whole)
        self.rule("4.2.4-4", place, not halves and (text is None or whole in text))

    def state(self, state, place):
        if isinstance(state, str):
            self.rule("3.2.1-1", place, is_iri(state))
            return
        kind = state.get("type")
        self.rule("4.3-1", place + ".type", isinstance(kind, str) and kind in STATES)
        if kind == "HttpRequestState":
            self.rule("4.3.2-1", place + ".value", isinstance(state.get("value"), str))
        dates = (("sourceDate", "4.3.1-1", True), ("sourceDateStart", "4.3.1-3", False), ("sourceDateEnd", "4.3.1-5", False))
        for name, number, more in dates:
            for value in many(state.get(name, [])) if more else [state[name]] if name in state else []:
                self.rule(number, f"{place}.{name}", isinstance(value, str) and DATE_TIME.match(value))
        has_start, has_end = "sourceDateStart" in state, "sourceDateEnd" in state
        self.rule("4.3.1-2", place, not ("sourceDate" in state and (has_start or has_end)))
        self.rule("4.3.1-4", place, has_end or not has_start)
        self.rule("4.3.1-6", place, has_start or not has_end)
        for i, copy in enumerate(many(state.get("cached", []))):
            self.rule("3.2.1-1", f"{place}.cached[{i}]", is_iri(copy))
        for i, refinement in enumerate(many(state.get("refinedBy", []))):
            if isinstance(refinement, dict) and refinement.get("type") in STATES:
                self.state(refinement, f"{place}.refinedBy[{i}]")
            else:
                self.selector(refinement, f"{place}.refinedBy[{i}]")

    # ---- 5 Collections

    def collection(self, collection, place="collection"):
        self.context(collection, "5.1-1", place)
        self.rule("5.1-2", place + ".id", is_iri(collection.get("id")))
        self.has_type(collection, "AnnotationCollection", "5.1-3", place)
        for label in many(collection.get("label", [])):
            self.rule("5.1-4", place + ".label", isinstance(label, str))
        total, first = collection.get("total", 0), collection.get("first")
        self.rule("5.1-5", place + ".total", is_count(total))
        self.rule("5.1-6", place + ".first", not (is_count(total) and total > 0) or is_iri(first) or isinstance(first, dict))
        self.times(collection, place)
        self.others(collection, place)
        if isinstance(first, dict):
            last = collection.get("last")
            is_last = last is None or (last.get("id") if isinstance(last, dict) else last) == first.get("id")
            self.page(first, place + ".first", True, is_last)
            if is_last and is_count(collection.get("total")):
                self.rule("5.2-5", place + ".first.next", collection["total"] <= len(many(first.get("items", []))) or "next" in first)

    def page(self, page, place="page", embedded=False, is_last=None):
        if not embedded:
            self.context(page, "5.2-1", place)
        self.rule("5.2-2", place + ".id", is_iri(page.get("id")))
        self.has_type(page, "AnnotationPage", "5.2-3", place)
        items = page.get("items")
        self.rule("5.2-4", place + ".items", isinstance(items, list) and len(items) >= 1)
        self.rule("5.2-5", place + ".next", is_iri(page.get("next", "" if is_last is False else "a:b")))
        self.rule("5.2-6", place + ".startIndex", is_count(page.get("startIndex", 0)))
        for i, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict):
                self.annotation(item, f"{place}.items[{i}]", embedded=True)
            else:
                self.rule("5.2-4", f"{place}.items[{i}]", is_iri(item))

    def document(self, document):
        kinds = many(document.get("type", []))
        if "AnnotationCollection" in kinds:
            self.collection(document)
        elif "AnnotationPage" in kinds:
            self.page(document)
        else:
            self.annotation(document)


def is_svg(value):
    try:
        return isinstance(value, str) and minidom.parseString(value).documentElement.localName in ("svg", "path", "rect", "circle", "ellipse", "polygon", "g")
    except ExpatError:
        return False


def check(document, texts=None):
    checker = Checker(texts)
    checker.document(document)
    return checker.broken


def check_paged(pages, collection):
    """Pages and their collection, each a document by itself: whether they fit together."""
    checker = Checker()
    ids = [page.get("id") for page in pages]
    for i, page in enumerate(pages):
        checker.rule("5.2-5", f"page[{i}].next", page.get("next") == (ids[i + 1] if i + 1 < len(ids) else None))
        checker.rule("5.2-6", f"page[{i}].startIndex", page.get("startIndex") == sum(len(before["items"]) for before in pages[:i]))
    checker.rule("5.1-6", "collection.first", (collection.get("first"), collection.get("last")) == ((ids[0], ids[-1]) if ids else (None, None)))
    checker.rule("5.1-5", "collection.total", collection.get("total") == sum(len(page["items"]) for page in pages))
    return checker.broken


def check_text(text, texts=None):
    """What `gloss export` wrote: one document over several lines, or a document a line."""
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = [json.loads(line) for line in text.splitlines() if line.strip()]
    broken = [problem for document in documents for problem in check(document, texts)]
    pages = [document for document in documents if "AnnotationPage" in many(document.get("type", []))]
    if pages:
        broken += check_paged(pages, documents[-1])
    return broken
