#!/usr/bin/python3
"""What a statement costs PostgreSQL does not depend on how much there was when its plan was made: plans are kept, and the first of a new server are made while its tables are nearly empty."""
import time

import case
from case import create, update, wait_until
from client import reply, relate
from session_case import SessionCase

FEW, MANY, FRAME = 10, 600, 4
READ_PER_OP = 10  # rows that are read in op and annotation: one for each look-up by a key
TABLES = "('op', 'annotation')"


class Plans(SessionCase):
    def setUp(self):
        self.session, self.other = self.new_session(), self.new_session()
        self.ana, = self.people("ana")

    def read(self):
        """Rows that anybody has been given by indexes of these tables, or by reading a table whole, as far as PostgreSQL has counted; and rows put into op."""
        return tuple(int(value) for value in self.server.sql(
            f"select (select sum(idx_tup_read) from pg_stat_user_indexes where relname in {TABLES}) + (select sum(seq_tup_read) from pg_stat_user_tables where relname in {TABLES}),"
            "       (select n_tup_ins from pg_stat_user_tables where relname = 'op')")[0])

    def counted(self):
        """What has been read until now, and by how many ops. Backends tell what they have counted once a second, when a transaction of theirs ends: so there is one more, now and then."""
        ops = int(self.server.sql("select sum(head) from stream")[0][0])

        def is_counted():
            self.ana.one(self.session, create("claim", exact="Nobody"))
            time.sleep(0.3)
            return self.read()[1] >= ops
        wait_until(f"{ops} ops are counted", is_counted)
        return self.read()

    def made(self, count, op_of):
        """So many ops in frames; ids of what they made or changed."""
        results = []
        for first in range(0, count, FRAME):
            results += self.ana.submit(self.session, [op_of(i) for i in range(first, min(count, first + FRAME))])
        for result in results:
            self.assertNotIn("error", result)
        return [result["annotation"] for result in results]

    def rows_per_op(self, what, count, op_of):
        rows_before, ops_before = self.counted()
        made = self.made(count, op_of)
        rows, ops = self.counted()
        self.assertLess((rows - rows_before) / (ops - ops_before), READ_PER_OP, f"rows read for {what}")
        return made

    def assertReadsLittle(self):
        made = self.rows_per_op("a create", MANY, lambda i: create("claim", exact="Nobody"))
        far, = self.ana.submit(self.other, [create("claim", exact="Nobody")])
        base = self.ana.join(self.session, live=False).seq
        self.rows_per_op("an update", MANY, lambda i: update(made[i], base, note=f"note {i}"))
        self.rows_per_op("a reply", FRAME, lambda i: reply(made[i], "@admin look"))
        self.rows_per_op("a relation", FRAME, lambda i: relate(made[i], far["annotation"], self.other, label="supports"))


class NeverAnalyzed(Plans):
    def test_a_plan_made_before_there_were_statistics__reads_no_more_when_there_is_much(self):
        self.assertReadsLittle()


class AnalyzedSoon(Plans):
    def test_a_plan_made_while_there_was_little__reads_no_more_when_there_is_much(self):
        for _ in range(FEW):
            self.new_session()
        self.server.sql("vacuum analyze")  # as autovacuum does; kept plans are made again, for what there is now
        self.assertReadsLittle()


if __name__ == "__main__":
    case.main()
