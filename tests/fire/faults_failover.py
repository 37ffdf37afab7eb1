"""faults_failover.py - the primary is lost and its synchronous standby takes its place. Needs a ground whose cluster is a pair (Ground(pair=True))."""
import time

from faults import KillAtDelivery


class Failover(KillAtDelivery):
    """Everything of the primary dies at a first delivery; the standby, which has all that was delivered, is promoted, and gets a standby of its own before
    the next time."""
    name = "failover"

    def why_not(self, stage):
        return None if hasattr(stage.cluster, "promote") else "there is no standby"

    def strike(self, stage):
        if not stage.cluster.standby.processes():
            stage.cluster.renew()
        figures = super().strike(stage)
        return {**figures, "gap_ms": self.gap_ms}

    def pids(self, stage):
        return stage.cluster.primary.processes()

    def heal(self, stage, pids):
        stage.cluster.lose_primary()  # whoever had been born meanwhile
        stage.cluster.promote()
        promoted, acked = time.monotonic(), stage.herd.acked
        stage.herd.wait("ops are acknowledged by the new primary", lambda: stage.herd.acked > acked)
        self.gap_ms = int((time.monotonic() - promoted) * 1000)
        return promoted


FAULTS = [Failover()]
