"""The chaos run, short: `estiba up`, a load of every kind, 20 kills of broker, workers and gateway, bad links, and then the
checker. `ESTIBA_CHAOS_SEED=N` does that of a failure again; `make chaos` is the long one."""

import os
import random
import unittest

import estiba
from chaos import campaign, installation, long, parts


class Chaos(unittest.TestCase):
    def check(self, there, seed, *load, **faults):
        """Runs a campaign; what it breaks fails the test and names the seed."""
        print(f"(ESTIBA_CHAOS_SEED={seed}) ", end="", flush=True)
        try:
            run = campaign.Campaign(there, seed, *load, **faults)
            violations = run.run()
            print(f"({run.said()}) ", end="", flush=True)
            if violations:
                kept = long.keep(run, there)
                self.fail(f"ESTIBA_CHAOS_SEED={seed}, {len(violations)} violations, more in {kept}:\n" + "\n".join(violations[:30]))
        finally:
            there.stop()

    def seed(self):
        return int(os.environ.get("ESTIBA_CHAOS_SEED") or random.randrange(1 << 32))

    def test_twenty_kills_and_bad_links_lose_nothing_and_run_nothing_twice(self):
        seed = self.seed()
        self.check(installation.Up(seed), seed, 40, 8, 20, supervisors=2)

    def test_with_two_brokers_either_may_be_killed_at_any_time(self):
        seed = self.seed()
        there = parts.Parts(seed, brokers=2, gateways=1, nodes=3)
        self.check(there, seed, 20, 6, 12, roles=["broker"], others=["pause"])

    @unittest.skipUnless(estiba.IS_ROOT, "a small file system to be filled needs root")
    def test_full_disks_lose_nothing_that_was_accepted(self):
        seed = self.seed()
        volumes = ["node1", "gateway1"]
        there = parts.Parts(seed, brokers=1, gateways=1, nodes=3, volumes=volumes)
        self.check(there, seed, 20, 6, 8, others=[], links=[], disks=volumes)


if __name__ == "__main__":
    unittest.main()
