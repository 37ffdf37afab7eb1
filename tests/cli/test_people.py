#!/usr/bin/python3
"""Projects and their members."""
from case import CliCase, UUID, main
from hostile import NAME, left


class People(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("olga", role="owner")
        cls.server.user("ana", role="annotator")
        for name in ("fay", "gus", "hal", "ida", "jo", "kim"):
            cls.server.user(name)

    def roles(self, project="briefs", user="olga"):
        lines = self.gloss("member", "list", "--project", project, "--json", user=user, status=0).lines
        return {line["name"]: line.get("role") for line in lines}

    def test_a_new_project_has_its_maker_as_owner(self):
        made = self.gloss("project", "new", "Fay's own", "--json", user="fay", status=0).json
        self.assertRegex(made["project"], UUID)
        self.assertEqual((made["name"], made["role"], made["open"]), ("Fay's own", "owner", True))
        self.assertIn(made, self.gloss("project", "list", "--json", user="fay", status=0).lines)
        self.assertEqual(self.gloss("member", "--project", "fay's", user="fay", status=0).out, "fay  owner\n")

    def test_the_list_alone_is_the_groups_name(self):
        self.assertEqual(self.gloss("project", user="ana", status=0).out, "briefs  annotator  open\n")
        self.assertEqual(self.gloss("project", "list", user="ana").out, "briefs  annotator  open\n")

    def test_who_belongs_to_nothing_is_told_what_to_do(self):
        done = self.gloss("project", user="hal", status=0)
        self.assertEqual(done.out, "")
        self.assertIn("gloss project new NAME", done.err)
        self.refuse("member", user="hal", status=2, says=["you belong to no project", "gloss project new"])

    def test_a_member_comes_changes_and_goes(self):
        self.gloss("member", "add", "gus", "viewer", user="olga", status=0)
        self.assertEqual(self.roles()["gus"], "viewer")
        self.refuse("member", "add", "gus", "curator", user="olga", status=3, says=["gus is viewer of briefs already", "gloss member set"])
        done = self.gloss("member", "set", "gus", "curator", "--json", user="olga", status=0).json
        self.assertEqual((done["name"], done["role"], done["project_name"]), ("gus", "curator", "briefs"))
        self.assertEqual(self.roles()["gus"], "curator")
        self.gloss("member", "remove", "gus", user="olga", status=0)
        self.assertIsNone(self.roles()["gus"])
        self.assertIn("gus    (was a member)\n", self.gloss("member", user="olga").out)
        self.refuse("member", "set", "gus", "viewer", user="olga", status=3, says=["does not belong to briefs", "gloss member add"])

    def test_what_is_wrong_is_said(self):
        self.refuse("member", "add", "fay", "curatr", user="olga", status=2, says=["no role `curatr`", "did you mean `curator`?"])
        self.refuse("member", "add", "nobody", "viewer", user="olga", status=3, says=["no account `nobody`", "glossd user add"])
        self.refuse("member", "add", "fay", "viewer", user="ana", status=3, says=["your role does not allow it", "ask an owner"])
        self.refuse("member", "--project", "other", user="ana", status=2, says=["you belong to no project `other`; you belong to:", "briefs"])
        self.refuse("project", "new", b"bad \xff", user="ana", status=2, says="not valid UTF-8 in the name")
        error = self.gloss("member", "set", "fay", "viewer", "--json", user="olga", status=3).json["error"]
        self.assertEqual(error["name"], "not_found")

    def test_the_last_owner_stays(self):
        self.gloss("project", "new", "Lone", user="gus", status=0)
        self.refuse("member", "remove", "gus", "--project", "Lone", user="gus", status=3, says="nothing was changed")

    def test_several_projects_must_be_told_apart(self):
        self.gloss("project", "new", "One of two", user="jo", status=0)
        self.gloss("project", "new", "Two of two", user="jo", status=0)
        self.refuse("member", user="jo", status=2, says=["--project NAME", "One of two", "Two of two"])

    def test_projects_of_one_name_are_named_by_their_ids(self):
        twins = []
        for maker in ("kim", "gus"):  # nobody makes a second one, but two people may make one each
            twins.append(self.gloss("project", "new", "Twin", "--json", user=maker, status=0).json["project"])
        self.gloss("member", "--project", twins[1], "add", "kim", "owner", user="gus", status=0)
        done = self.refuse("member", "--project", "Twin", user="kim", status=2, says=["several projects are called `Twin`", *twins])
        self.assertNotIn("did you mean", done.err)
        error = self.gloss("member", "--project", "Twin", "--json", user="kim", status=2).json["error"]
        self.assertEqual((error["name"], {project["project"] for project in error["projects"]}), ("project_needed", set(twins)))
        self.refuse("redact", "--account", "kim", "--project", "Twin", "--yes", user="kim", status=2, says="several projects are called `Twin`")
        self.gloss("project", "new", twins[0], user="kim", status=0)  # an id is an id
        self.assertEqual([self.roles(twin, user="kim").get("gus") for twin in twins], [None, "owner"])

    def test_a_hostile_name_is_harmless_at_every_width(self):
        self.gloss("project", "new", NAME, user="ida", status=0)
        for width in (40, 60, 80, 120, 200):
            for args in (("project",), ("member", "--project", NAME)):
                done = self.gloss(*args, user="ida", status=0, env={"COLUMNS": str(width)})
                self.assertEqual(left(done.out), [])
                for line in done.out.splitlines():
                    self.assertLessEqual(len(line), width)
        self.assertEqual(self.gloss("project", "list", "--json", user="ida").lines[0]["name"], NAME)


if __name__ == "__main__":
    main()
