#!/usr/bin/python3
"""What is known of a brief beside its text: said, taken away, filtered and sorted by."""
from case import CliCase, main


class Metadata(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("cora", role="curator")
        cls.server.user("ana", role="annotator")

    def describe(self, *args, user="cora", status=0):
        return self.gloss("describe", *args, user=user, status=status)

    def setUp(self):
        self.brief = self.server.import_text(f"{self._testMethodName}\n\nwords\n", name=f"{self._testMethodName}.md")["document"]

    def info(self):
        return self.gloss("info", self.brief, "--json", user="ana", status=0).json

    def test_what_is_said_is_there(self):
        self.describe(self.brief, "--title", "Ties", "--author", "A. Person", "--author", "B. Other", "--publisher", "CPC", "--date", "2021-08", "--source",
                      "https://example.org/ties", "--language", "en", "--folder", "Asia", "--tag", "taliban", "--tag", "china")
        expected = {"title": "Ties", "authors": ["A. Person", "B. Other"], "publisher": "CPC", "date": "2021-08", "source": "https://example.org/ties",
                    "language": "en", "folder": "Asia", "tags": ["taliban", "china"]}
        info = self.info()
        self.assertEqual({name: info.get(name) for name in expected}, expected)
        out = self.gloss("info", self.brief, user="ana", status=0).out
        self.assertIn("authors      A. Person, B. Other\n", out)
        self.describe(self.brief, "--add-tag", "ties", "--drop-tag", "china", "--date", "", "--author", "")
        info = self.info()
        self.assertEqual((info["tags"], "date" in info, "authors" in info, info["title"]), (["taliban", "ties"], False, False, "Ties"))

    def test_import_says_it_at_once(self):
        path = f"{self.server.folder}/new.md"
        with open(path, "w") as file:
            file.write(f"{self.id()}\n\nnew words\n")
        made = self.gloss("import", path, "--author", "Ana", "--date", "2020", "--tag", "one", "--tag", "two", "--language", "en", "--json", user="ana", status=0).json
        info = self.gloss("info", made["document"], "--json", user="ana", status=0).json
        self.assertEqual((info["authors"], info["date"], info["tags"], info["language"]), (["Ana"], "2020", ["one", "two"], "en"))

    def test_ls_filters_and_sorts(self):
        others = [self.server.import_text(f"Sorted {i}\n\n{self._testMethodName}\n", name=f"sorted-{i}.md")["document"] for i in range(3)]
        for document, date, author in zip(others, ("2021-02", "2020", "2021-01-15"), ("Ana Maria", "Ben", "Marian")):
            self.describe(document, "--date", date, "--author", author, "--tag", "sorted", "--folder", "F", "--language", "fa")
        def titles(*args):
            return [line["title"] for line in self.gloss("ls", "--json", *args, user="ana", status=0).lines]
        self.assertEqual(titles("--tag", "sorted"), ["Sorted 0", "Sorted 1", "Sorted 2"])
        self.assertEqual(titles("--tag", "sorted", "--sort", "date"), ["Sorted 1", "Sorted 2", "Sorted 0"])
        self.assertEqual(titles("--tag", "sorted", "--sort", "date", "--reverse"), ["Sorted 0", "Sorted 2", "Sorted 1"])
        self.assertEqual(titles("--author", "mari"), ["Sorted 0", "Sorted 2"])
        self.assertEqual(titles("--folder", "F", "--language", "fa", "Sorted 1"), ["Sorted 1"])
        done = self.gloss("ls", "--tag", "nothing", user="ana", status=0)
        self.assertEqual((done.out, "no brief that you may see is like that" in done.err), ("", True))
        self.assertRegex(self.gloss("ls", "--tag", "sorted", user="ana", env={"COLUMNS": "130"}).out, r"(?m)^Sorted 1  Ben +2020 +sorted +0  briefs$")

    def test_what_is_wrong_is_said(self):
        self.refuse("describe", self.brief, user="cora", status=2, says="say what to change")
        self.refuse("describe", self.brief, "--date", "2021-13", user="cora", status=3, says="YYYY-MM")
        self.refuse("describe", self.brief, "--title", "x", user="ana", status=3, says="your role does not allow it")
        self.refuse("ls", "--sort", "size", user="ana", status=2, says="title, date or created")


if __name__ == "__main__":
    main()
