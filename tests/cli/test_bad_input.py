#!/usr/bin/python3
"""What is wrong is said in a sentence of its own that says what to do, with the documented exit status; nothing is half done."""
import os
import socket
import ssl
import subprocess
import threading
import uuid

from case import CliCase, PLAIN, main
from client import Client, mode
import server as support


class BadInput(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("vera", role="viewer")
        cls.server.user("otto")  # a member of nothing
        cls.brief = cls.server.import_text(PLAIN, name="plain.md")
        cls.server.import_text("Taliban and others\n", name="second.md")
        cls.server.gloss("tag", "plain.md", "Wang Yi", "--label", "known", user="ana", status=0)
        cls.server.import_text("Graphemes\n\nFamily 👩‍👩‍👧‍👦 and e\u0301tude\r\nend\n", name="graphemes.md")

    def setUp(self):
        self.before = self.state()

    def tearDown(self):
        self.assertEqual(self.state(), self.before, "something was done although it was refused")

    def state(self):
        return [(line["document"], line["seq"], line["annotations"]) for line in self.gloss("ls", "--json", status=0).lines]

    # ---- places

    def test_words_that_are_not_there(self):
        self.refuse("tag", "plain.md", "China and Rusia both", "--label", "x", user="ana", status=3, says=["not in the text", "near are", "China and Russia both"])

    def test_words_that_are_there_several_times(self):
        done = self.refuse("tag", "plain.md", "China and Russia", "--label", "x", user="ana", status=3, says=["2 places", "--nth N", "»China and Russia«"])
        self.assertRegex(done.err, r"(?m)^ +1 .*\n +2 ")

    def test_a_number_that_there_is_not(self):
        self.refuse("tag", "plain.md", "China and Russia", "--nth", "3", "--label", "x", user="ana", status=3, says="no number 3")

    def test_a_position_outside(self):
        self.refuse("tag", "plain.md", "--start", "10", "--end", "100000", "--label", "x", user="ana", status=3, says=["100000", f"{len(PLAIN)} code points"])

    def test_position_and_quote_that_disagree(self):
        self.refuse("tag", "plain.md", "Russia", "--start", "0", "--end", "6", "--label", "x", user="ana", status=3, says=["something else", "there stands: “Taliba”"])

    def test_a_grapheme_cut_in_two(self):
        start = "Graphemes\n\nFamily ".__len__()
        self.refuse("tag", "Graphemes", "--start", start, "--end", start + 2, "--label", "x", user="ana", status=3, says="cuts a character in two")
        self.refuse("tag", "Graphemes", "e", "--prefix", "and ", "--label", "x", user="ana", status=3, says="")

    def test_start_without_end(self):
        self.refuse("tag", "plain.md", "--start", "3", "--label", "x", status=2, says="--start and --end belong together")

    def test_nothing_to_mark(self):
        self.refuse("tag", "plain.md", "--label", "x", status=2, says="say where")
        self.refuse("tag", "plain.md", "", "--label", "x", status=2, says="are empty")

    def test_no_label(self):
        self.refuse("tag", "plain.md", "Russia", status=2, says="--label LABEL")

    def test_words_that_are_not_utf8(self):
        self.refuse("tag", "plain.md", b"bad \xff words", "--label", "x", status=2, says=["not valid UTF-8 in the quoted words", "byte 4"])
        self.refuse("tag", "plain.md", "Russia", "--label", b"\xc3", status=2, says=["not valid UTF-8 in the value of --label"])

    # ---- rights

    def test_a_viewer_may_not_change(self):
        self.refuse("tag", "plain.md", "neighbours", "--label", "x", user="vera", status=3, says=["your role does not allow it", "ask an owner"])
        done = self.refuse("post", "plain.md", user="vera", status=2, stdin='{"label":"x","start":0,"end":3}\n', says=["your role does not allow it"])
        self.assertEqual(done.json["accepted"], 0)

    def test_a_stranger_sees_nothing(self):
        self.refuse("cat", self.brief["document"], user="otto", status=2, says="no brief with the id")
        self.refuse("cat", "plain.md", user="otto", status=2, says="no brief's title or file name begins with")
        self.assertEqual(self.gloss("ls", "--json", user="otto", status=0).lines, [])

    def test_a_closed_codebook(self):
        project = self.gloss("info", "plain.md", "--json").json["project"]
        with Client(self.server, "admin") as admin:
            admin.call("codebook.policy", project=project, open=False)
            done = self.refuse("tag", "plain.md", "neighbours", "--label", "never seen", user="ana", status=3, says="has no label `never seen`")
            self.refuse("tag", "plain.md", "neighbours", "--label", "knowm", user="ana", status=3, says="did you mean `known`?")
            self.assertEqual(self.gloss("tag", "plain.md", "neighbours", "--label", "never seen", "--json", user="ana").json["error"]["name"], "unknown_label")
            self.assertEqual(done.out, "")
            admin.call("codebook.policy", project=project, open=True)

    def test_a_closed_session(self):
        other = self.server.import_text("A closed one\n", name="closed.md")
        with Client(self.server, "admin") as admin:
            admin.join(other["session"])
            admin.one(other["session"], mode("closed"))
        self.refuse("tag", "closed.md", "closed", "--label", "x", user="ana", status=3, says="the session is closed")
        done = self.gloss("post", "closed.md", stdin='{"label":"x","start":0,"end":1}\n' * 3, user="ana", status=2)
        self.assertEqual(done.err.count("the session is closed"), 1)
        self.assertRegex(self.gloss("log", "closed.md", status=0).out, "session.mode: closed")
        self.assertEqual(self.gloss("log", "closed.md", "--json", status=0).json["kind"], "session.mode")
        self.before = self.state()

    # ---- which brief, which annotation

    def test_a_beginning_of_several(self):
        done = self.refuse("cat", "Taliban and", status=2, says=["2 briefs begin with", "Taliban and neighbours", "Taliban and others"])
        self.assertEqual(done.bytes, b"")
        names = [brief["title"] for brief in self.gloss("cat", "Taliban and", "--json", status=2).json["error"]["candidates"]]
        self.assertEqual(names, ["Taliban and neighbours", "Taliban and others"])

    def test_a_name_of_none(self):
        self.refuse("show", "Talban and", status=2, says=["begins with `Talban and`", "near are", "Taliban and neighbours"])
        self.refuse("show", "zzzzzzzz", status=2, says="`gloss ls` lists them")
        self.refuse("show", str(uuid.uuid4()), status=2, says="no brief with the id")

    def test_an_annotation_that_is_not_there(self):
        for word, says in (("12", "not an annotation's id"), ("xyzw", "not an annotation's id"), ("00000000", "no annotation"), (str(uuid.uuid4()), "no annotation")):
            self.refuse("edit", word, "--note", "x", status=2, says=says)
            self.refuse("rm", word, status=2, says=says)

    def test_an_edit_of_nothing(self):
        self.refuse("edit", "00000000", status=2, says="say what to change")
        self.refuse("edit", "00000000", "--status", "acepted", status=2, says="did you mean `accepted`?")

    def test_a_project_that_is_not_there(self):
        self.refuse("ls", "--project", "nowhere", status=2, says=["no project `nowhere`", "briefs"])
        self.refuse("import", __file__, user="otto", status=2, says="no project that you may import into")
        self.refuse("import", __file__, user="vera", status=2, says="no project that you may import into")

    # ---- files

    def refuse_file(self, data, says):
        path = f"{self.server.folder}/bad.md"
        with open(path, "wb") as file:
            file.write(data)
        self.refuse("import", path, status=2, says=says)

    def test_a_file_that_is_no_text(self):
        self.refuse_file(b"good\nbad \xff\xfe\n", ["was not imported", "byte 9", "convert it first"])
        self.refuse_file(b"good\nnul \0 here\n", ["byte 9"])
        self.refuse_file(b"cut off \xe2\x80", ["byte 8"])
        self.refuse_file(b"", "is empty")

    def test_a_file_that_is_too_large(self):
        self.refuse_file(b"x" * (9 * 1024 * 1024), "this server takes 8388608")

    def test_a_file_that_cannot_be_read(self):
        self.refuse("import", "/nowhere/at/all.md", status=2, says=["/nowhere/at/all.md cannot be read", "No such file"])
        self.refuse("import", "/tmp", status=2, says="Is a directory")

    def test_one_bad_file_does_not_keep_the_others_out(self):
        self.gloss("import", self.server.folder + "/plain.md", "/nowhere.md", status=1)

    def test_a_title_for_several(self):
        self.refuse("import", __file__, __file__, "--title", "x", status=2, says="one by one")

    # ---- arguments

    def test_a_verb_that_is_not_there(self):
        self.refuse("shwo", status=2, says="did you mean `show`?")
        self.refuse("show", "plain.md", "--widht", "50", status=2, says="did you mean `--width`?")

    def test_numbers(self):
        self.refuse("show", "plain.md", "--at", "x", status=2, says="must be a number")
        self.refuse("show", "plain.md", "--at", "99999", status=2, says="there is no state at --at 99999")
        self.refuse("show", "plain.md", "--width", "20", status=2, says="from 40 to 200")
        self.refuse("watch", "plain.md", "--since", "then", status=2, says="the number of an op, or `now`")
        self.refuse("watch", "plain.md", "--since", "5", "--until", "3", status=2, says="lies before")

    def test_a_format_that_is_not_there(self):
        self.refuse("export", "plain.md", "--format", "xml", status=2, says="there is: jsonld")

    # ---- servers

    def test_nobody_named_a_server(self):
        self.refuse("ls", env={"GLOSS_URL": None}, status=4, says="gloss login --url")

    def test_an_address_that_is_none(self):
        for url in ("localhost:7443", "http://localhost/", "https://", "ftp://x/"):
            self.refuse("ls", "--url", url, status=2, says="is no address of a server")

    def test_not_signed_in(self):
        self.refuse("ls", env={"GLOSS_TOKEN_FILE": None}, status=4, says=["you are not signed in", "gloss login"])

    def test_a_token_that_is_not_good(self):
        path = f"{self.server.folder}/bad-token"
        for token in ("gls_" + "A" * 43 + "_000000", "nonsense"):
            with open(path, "w") as file:
                file.write(token + "\n")
            self.refuse("ls", "--token-file", path, status=4, says=["sign in again"])
        with open(path, "w") as file:
            file.write("\n")
        self.refuse("ls", "--token-file", path, status=2, says="has no token in it")
        self.refuse("ls", "--token-file", "/nowhere", status=2, says="cannot be read")

    def test_a_certificate_that_is_not_trusted(self):
        self.refuse("ls", env={"GLOSS_CA": None}, status=4, says=["not trusted", "--ca FILE"])
        other = f"{self.server.folder}/other"
        subprocess.run([support.DEPS + "/certificate", other], check=True, capture_output=True)
        done = self.gloss("ls", "--json", "--ca", other + "/ca/ca.crt", status=4)
        self.assertEqual(done.json["error"]["name"], "untrusted")
        self.refuse("ls", "--ca", "/nowhere.pem", status=2, says="/nowhere.pem")

    def test_a_certificate_of_another_host(self):
        with socket.create_server(("127.0.0.2", 0)) as listener:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            folder = f"{self.server.folder}/cert/tls"
            context.load_cert_chain(folder + "/server.crt", folder + "/server.key")

            def serve():
                try:
                    context.wrap_socket(listener.accept()[0], server_side=True).close()
                except OSError:
                    pass
            thread = threading.Thread(target=serve)
            thread.start()
            self.refuse("ls", "--url", f"https://127.0.0.2:{listener.getsockname()[1]}/", status=4, says="not trusted")
            thread.join()

    def test_nobody_listens(self):
        with support.reserved_port() as silent:
            done = self.refuse("ls", "--url", f"https://127.0.0.1:{silent.getsockname()[1]}/", status=5, says=["cannot be reached", "is it running"])
        self.assertEqual(done.out, "")
        self.refuse("ls", "--url", "https://no-such-host.invalid/", status=5, says="cannot be reached")

    def test_something_else_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                visitor = listener.accept()[0]
                visitor.sendall(b"SSH-2.0-nothing\r\n")
                visitor.close()
            thread = threading.Thread(target=serve)
            thread.start()
            done = self.gloss("ls", "--url", f"https://127.0.0.1:{listener.getsockname()[1]}/")
            self.assertIn(done.status, (4, 5), str(done))
            thread.join()

    # ---- output

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            process = self.server.spawn("cat", "plain.md", stdout=full)
            _, err = process.communicate(timeout=support.LIMIT_S)
        self.assertEqual((process.returncode, b"could not be written: No space left" in err), (2, True), err)

    def test_a_reader_that_goes_away(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = self.server.spawn("log", "plain.md", stdout=write_end)
        os.close(write_end)
        _, err = process.communicate(timeout=support.LIMIT_S)
        self.assertNotIn(b"Sanitizer", err)
        self.assertIn(process.returncode, (0, 2))


class Gone(CliCase):
    own_cluster = True

    def test_storage_and_server_go_away(self):
        self.server.import_text(PLAIN, name="plain.md")
        self.server.stop()
        self.refuse("ls", status=5, says="cannot be reached")
        self.refuse("tag", "plain.md", "China", "--nth", "1", "--label", "x", status=5, says="cannot be reached")
        done = self.gloss("post", "plain.md", stdin='{"label":"x","start":0,"end":3}\n', status=2)
        self.assertIn("cannot be reached", done.err)
        self.server.start()
        self.gloss("ls", status=0)


if __name__ == "__main__":
    main()
